package conformance

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var write = flag.Bool("write", false, "write the table of clients/README.md; needs -clients with every client")

// columns are the drivers, in the order of the table.
var columns = []struct{ client, title string }{
	{"go", "Go"}, {"python", "Python"}, {"asyncio", "Python, asyncio"}, {"node", "TypeScript"}, {"java", "Java"},
}

// results are the scenarios that each client passed, by name.
type results map[string]map[string]bool

// table returns the table of clients and scenarios.
func table(all []scenario, kept func(client, scenario string) bool) string {
	var b strings.Builder
	b.WriteString("| scenario | rules |")
	for _, c := range columns {
		b.WriteString(" " + c.title + " |")
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, s := range all {
		rules := strings.Trim(strings.ReplaceAll(fmt.Sprint(s.Rules), " ", ", "), "[]")
		fmt.Fprintf(&b, "| %s | %s |", s.Name, rules)
		for _, c := range columns {
			switch {
			case s.Except[c.client] != "":
				b.WriteString(" not possible |")
			case kept(c.client, s.Name):
				b.WriteString(" kept |")
			default:
				b.WriteString(" **broken** |")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

var marked = regexp.MustCompile(`(?s)(<!-- scenarios:begin -->\n).*(<!-- scenarios:end -->)`)

func readmeOfClients(t *testing.T) (path, text string) {
	t.Helper()
	path = filepath.Join(root, "clients/README.md")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, string(raw)
}

// write writes the results of a run of all clients into the README.
func (r results) write(t *testing.T, all []scenario) {
	t.Helper()
	for _, c := range columns {
		for _, s := range all {
			if _, tried := r[c.client][s.Name]; !tried && s.Except[c.client] == "" {
				t.Fatalf("the table needs every client and scenario: %s was not run with %q", c.client, s.Name)
			}
		}
	}
	path, text := readmeOfClients(t)
	made := table(all, func(client, scenario string) bool { return r[client][scenario] })
	text = marked.ReplaceAllString(text, "${1}"+strings.ReplaceAll(made, "$", "$$")+"${2}")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestReadmeTableIsCurrent checks that the table lists these scenarios and clients, and claims that
// all pass.
func TestReadmeTableIsCurrent(t *testing.T) {
	_, text := readmeOfClients(t)
	want := table(scenarios(t), func(string, string) bool { return true })
	if !strings.Contains(text, want) {
		t.Error("the table of clients/README.md is outdated: run make conformance with -write")
	}
	for client := range languages(t) {
		if !slices.ContainsFunc(columns, func(c struct{ client, title string }) bool { return c.client == client }) {
			t.Errorf("%s has no column", client)
		}
	}
}
