package documents

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/lockd/lockd"
	"github.com/lockd/lockd/internal/api/problems"
)

// pageSections are the sections of every page, in this order.
var pageSections = []string{"Causes", "Effect on holders", "What to do", "For operators", "In the answer", "See also"}

func TestEveryProblemHasAPageAndEveryPageAProblem(t *testing.T) {
	files, err := fs.ReadDir(problems.Texts, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name, isText := strings.CutSuffix(f.Name(), ".md")
		if _, ok := problems.Find(problems.Kind(name)); !isText || !ok && name != "index" {
			t.Errorf("problems/%s is not the page of a problem", f.Name())
		}
	}
	if len(files) != len(problems.All)+1 {
		t.Errorf("%d files for %d problems and their index", len(files), len(problems.All))
	}
}

func TestPagesHaveTheSameSections(t *testing.T) {
	heading := regexp.MustCompile(`(?m)^## (.*)\n`)
	for _, r := range problems.All {
		text := problems.Text(string(r.Kind))
		var got []string
		for _, m := range heading.FindAllStringSubmatch(text, -1) {
			got = append(got, m[1])
		}
		if !slices.Equal(got, pageSections) || !strings.HasPrefix(text, "## ") {
			t.Errorf("%s has the sections %q", r.Kind, got)
			continue
		}
		for i, body := range heading.Split(text, -1)[1:] {
			if strings.TrimSpace(body) == "" {
				t.Errorf("%s: the section %s is empty", r.Kind, pageSections[i])
			}
		}
	}
}

// section returns the text under a heading of a problem's page.
func section(t *testing.T, k problems.Kind, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut(problems.Text(string(k)), "## "+heading+"\n")
	if !ok {
		t.Fatalf("%s lacks the section %s", k, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

func TestPagesMatchProblemTable(t *testing.T) {
	for _, r := range problems.All {
		w := httptest.NewRecorder()
		newProblemPages()[r.Kind].Serve(w, httptest.NewRequest(http.MethodGet, problems.Path, nil))
		head, _, _ := strings.Cut(w.Body.String(), "## ")
		if !strings.Contains(head, r.Title) || !strings.Contains(head, r.Detail) ||
			strings.Contains(head, "`definitive` is `false`") != r.Unknown || strings.Contains(head, "`lost` is `true`") != r.Lost {
			t.Errorf("%s begins with %s", r.Kind, head)
		}
		again := r.Status == 429 || r.Status == 503
		if members := section(t, r.Kind, "In the answer"); strings.Contains(members, "`Retry-After`") != again {
			t.Errorf("%s: Retry-After is wrong or missing in: %s", r.Kind, members)
		}
	}
}

// TestPagesNameExistingMembersFlagsAndMetrics checks that each name in backquotes on a page is defined in the code or
// the contract.
func TestPagesNameExistingMembersFlagsAndMetrics(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(lockd.OpenAPI))
	if err != nil {
		t.Fatal(err)
	}
	metrics := source(t, "../metrics/metrics.go") + source(t, "../../cluster/metrics.go") + source(t, "../../cluster/counters/counters.go")
	settings := source(t, "../../../docs/configuration.md")
	// Names of HTTP, of curl and of a log, and a wrong name that is an example.
	others := []string{"Allow", "Host", "Origin", "Sec-Fetch-Site", "curl -d", "a handler failed", "application/problem+json", "none", "localhost", "proxy_set_header Host $http_host;",
		`"reclaim":true`, "null", "A-Z a-z 0-9 . _ : -", "ttl", "/v1", "LOCKD_TOKEN", "--token-file", "acquire:billing.", "billing.", "WWW-Authenticate", "Bearer"}
	quoted := regexp.MustCompile("`([^`\n]+)`")
	for _, name := range append([]string{"index"}, kindNames()...) {
		for _, m := range quoted.FindAllStringSubmatch(fenced.ReplaceAllString(problems.Text(name), ""), -1) {
			w := m[1]
			var known bool
			switch {
			case slices.Contains(others, w), strings.HasPrefix(w, "lockd "): // commands have their own test
				known = true
			case strings.HasPrefix(w, "/"):
				known = doc.Paths.Value(w) != nil
			case strings.HasPrefix(w, "--"):
				flag, _, _ := strings.Cut(strings.TrimPrefix(w, "--"), " ")
				known = strings.Contains(settings, "\n## "+flag+"\n")
			case strings.HasPrefix(w, "lockd_"):
				known = strings.Contains(metrics, `"`+w+`"`)
			case strings.Contains("code route cause", w): // labels
				known = strings.Contains(metrics, `"`+w+`"`)
			default:
				w = strings.TrimPrefix(w, "lease.")
				known = regexp.MustCompile(`[\s./,\[]` + regexp.QuoteMeta(w) + `[\s:,\]]`).MatchString(lockd.OpenAPI)
			}
			if !known {
				t.Errorf("%s has `%s`, which is not defined", name, w)
			}
		}
	}
	members := doc.Components.Schemas["Problem"].Value.Properties
	for _, r := range problems.All {
		for line := range strings.SplitSeq(section(t, r.Kind, "In the answer"), "\n") {
			list, _, _ := strings.Cut(strings.TrimPrefix(line, "- "), ": ")
			for _, m := range quoted.FindAllStringSubmatch(list, -1) {
				if strings.HasPrefix(line, "- ") && members[m[1]] == nil && m[1] != "Retry-After" && m[1] != "Allow" {
					t.Errorf("%s has the member %s, which no problem has", r.Kind, m[1])
				}
			}
		}
	}
}

var fenced = regexp.MustCompile("(?s)```.*?```")

func kindNames() []string {
	var names []string
	for _, r := range problems.All {
		names = append(names, string(r.Kind))
	}
	return names
}

func source(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
