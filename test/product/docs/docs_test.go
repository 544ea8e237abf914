//go:build docs

package docs

import (
	"encoding/json"
	neturl "net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/lockd/lockd"
	"github.com/lockd/lockd/test/harness/inprocess"
)

// startNode runs a node and returns its URL.
func startNode(t *testing.T) string {
	t.Helper()
	return inprocess.Start(t, 1, nil).Nodes[0].URL("")
}

// onlyFrom fails the test if a page sent a request to another host or violated its policy.
func (b *browser) onlyFrom(node string) {
	b.t.Helper()
	for _, url := range b.requests {
		if u, err := neturl.Parse(url); err != nil || u.Scheme != "data" && "http://"+u.Host != node {
			b.t.Errorf("a page requested %s", url)
		}
	}
	for _, e := range b.errors {
		b.t.Error(e)
	}
}

func TestReferenceShowsEveryOperation(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(lockd.OpenAPI))
	if err != nil {
		t.Fatal(err)
	}
	node := startNode(t)
	b := newBrowser(t)
	const reference = `document.querySelector("rapi-doc")?.shadowRoot`
	b.visit(node+"/docs", reference+`?.querySelector("main") !== null && `+reference+`?.textContent.includes("Acquire a lease, or wait for it")`)
	shown := b.eval(reference + ".textContent")
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if !strings.Contains(shown, op.Summary) {
				t.Errorf("it does not show %s %s: %s", method, path, op.Summary)
			}
		}
	}
	if len(b.requests) < 3 {
		t.Errorf("it requested only %q", b.requests)
	}
	b.onlyFrom(node)
}

func TestProblemPageHasStyleAndLinks(t *testing.T) {
	node := startNode(t)
	b := newBrowser(t)
	b.visit(node+"/problems/held", `document.querySelector("h1")?.textContent === "held"`)
	if width := b.eval(`getComputedStyle(document.querySelector("main")).maxWidth`); width == "none" {
		t.Error("its policy blocks its style")
	}
	var links []string
	if err := json.Unmarshal([]byte(b.eval(`JSON.stringify([...document.links].map(a => a.href))`)), &links); err != nil {
		t.Fatal(err)
	}
	if len(links) < 3 || links[len(links)-1] != node+"/problems" {
		t.Errorf("its links are %q", links)
	}
	b.onlyFrom(node)
}
