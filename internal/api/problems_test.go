package api_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/api/problems"
)

// checkMembers fails the test if a problem has a member that its page does not describe. It is called for the answers
// of all tests.
func checkMembers(t testing.TB, body []byte) {
	t.Helper()
	var p map[string]any
	if err := json.Unmarshal(body, &p); err != nil {
		return // incomplete, or the answer to a HEAD
	}
	name := strings.TrimPrefix(p["type"].(string), "/problems/")
	text, err := os.ReadFile("problems/" + name + ".md")
	if err != nil {
		t.Error(err)
	}
	_, described, _ := strings.Cut(string(text), "## In the answer")
	for member := range p {
		if !strings.Contains("type title status detail definitive lost request_id", member) && !strings.Contains(described, "`"+member+"`") {
			t.Errorf("the page of %s does not describe %s: %s", name, member, body)
		}
	}
}

// pages returns the paths of all pages. The first is the list.
func pages(t *testing.T) []string {
	paths := []string{"/problems"}
	for _, p := range contract(t).doc.Components.Schemas["Problem"].Value.Properties["type"].Value.Enum {
		paths = append(paths, p.(string))
	}
	return paths
}

func TestPagesAreServedAsHTMLOrText(t *testing.T) {
	w := newWorld(t)
	for _, path := range pages(t) {
		for accept, html := range map[string]bool{
			"":    false,
			"*/*": false,
			"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true,
			"TEXT/HTML; q=0.5":              true,
			"text/html;q=0, */*":            false,
			"text/plain, text/html;q=0.9":   false,
			"text/plain;q=0.1, text/html":   true,
			"application/problem+json, */*": false,
		} {
			a := w.get(path, "Accept", accept, "Accept-Encoding", "identity").want(200)
			want, vary := "text/plain; charset=utf-8", "Accept"
			if html {
				want, vary = "text/html; charset=utf-8", "Accept, Accept-Encoding"
			}
			if got := a.header.Get("Content-Type"); got != want || a.header.Get("Vary") != vary {
				t.Errorf("%s for %q is %s, Vary %q", path, accept, got, a.header.Get("Vary"))
			}
			if got := bytes.HasPrefix(a.body, []byte("<!DOCTYPE html>")); got != html {
				t.Errorf("%s for %q: %.60s", path, accept, a.body)
			}
			tag := a.header.Get("ETag")
			if b := w.get(path, "Accept", accept, "Accept-Encoding", "identity", "If-None-Match", tag).want(304); len(b.body) != 0 || b.header.Get("Vary") != vary {
				t.Errorf("%s, unchanged: %v", path, b.header)
			}
			if b := w.send("HEAD", path, "", "Accept", accept, "Accept-Encoding", "identity").want(200); len(b.body) != 0 || b.header.Get("ETag") != tag {
				t.Errorf("HEAD %s: %v", path, b.header)
			}
		}
	}
	w.get("/problems/nope").want(404, "not-found")
	w.get("/problems/nope", "Accept", "text/html").want(404, "not-found")
	w.get("/problems/index").want(404, "not-found")
}

// TestProblemsAreGroupedByWhatToDo: the list has each problem once, below what a caller should do.
func TestProblemsAreGroupedByWhatToDo(t *testing.T) {
	list := string(newWorld(t).get("/problems").body)
	_, list, _ = strings.Cut(list, "## Stop work")
	stop, rest, _ := strings.Cut(list, "## Wait and retry")
	wait, fix, _ := strings.Cut(rest, "## Fix the request")
	for _, r := range problems.All {
		link := "(" + problems.Path + string(r.Kind) + ")"
		if strings.Count(list, link) != 1 || strings.Contains(stop, link) != r.Lost ||
			strings.Contains(fix, link) && r.Status >= 429 || strings.Contains(wait, link) && r.Status < 409 {
			t.Errorf("%s is in the wrong group", r.Kind)
		}
	}
}

// TestCurlCommandsOnPagesAreAccepted sends the requests on the pages. None of them may be refused as invalid.
func TestCurlCommandsOnPagesAreAccepted(t *testing.T) {
	fences := regexp.MustCompile("(?s)```sh\n(.*?)```")
	line := regexp.MustCompile(`^curl -s(N -H 'Accept: text/event-stream')?(?: -H \"Authorization: Bearer \$LOCKD_TOKEN\")? '?127\.0\.0\.1:74[01]0(/[^ ']*)'?(?: -d '([^']*)')?$`)
	sent := 0
	for _, path := range pages(t) {
		w := newWorld(t)
		for _, fence := range fences.FindAllStringSubmatch(string(w.get(path).body), -1) {
			for cmd := range strings.SplitSeq(strings.TrimSpace(strings.ReplaceAll(fence[1], " \\\n  ", " ")), "\n") {
				m := line.FindStringSubmatch(cmd)
				if m == nil {
					t.Errorf("%s has a command that this test cannot parse: %s", path, cmd)
					continue
				}
				var a *answer
				switch {
				case m[3] != "":
					a = w.post(m[2], m[3])
				case m[1] != "": // a stream would not end
					a = w.get(m[2] + "&wait_ms=0")
				default:
					a = w.get(m[2])
				}
				if sent++; a.status >= 400 && a.status != 409 {
					t.Errorf("%s: the status of %s is %d: %s", path, cmd, a.status, a.body)
				}
			}
		}
	}
	if sent < 20 {
		t.Errorf("only %d commands were found", sent)
	}
}
