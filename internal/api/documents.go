package api

import (
	"net/http"

	"github.com/lockd/lockd"
	"github.com/lockd/lockd/internal/api/pages"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/api/ui"
)

// documents are what the server serves of itself.
type documents struct {
	spec      *pages.Document
	reference *pages.Reference
	problems  map[problems.Kind]pages.Page
	console   *ui.Console
}

func newDocuments() documents {
	return documents{
		spec:      pages.NewDocument("application/yaml", []byte(lockd.OpenAPI)),
		reference: pages.NewReference(),
		problems:  newProblemPages(),
		console:   ui.New(),
	}
}

// index answers with what this node serves: browsers are sent to the console.
func index(c *call) {
	c.Header()["Vary"] = []string{"Accept"}
	if pages.WantsHTML(c.r) {
		c.Header()["Location"] = []string{"/ui"}
		c.text(http.StatusSeeOther, "The console is at /ui.\n")
		return
	}
	c.json(http.StatusOK, 0, indexBody{"lockd", c.s.cfg.Version, "/ui", "/docs", "/openapi.yaml", "/problems", "/metrics"})
}

// indexBody lists what a node serves apart from the routes of the contract.
type indexBody struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Console  string `json:"console"`
	Docs     string `json:"docs"`
	Contract string `json:"openapi"`
	Problems string `json:"problems"`
	Metrics  string `json:"metrics"`
}

// getConsole answers with the page of the console.
func getConsole(c *call) { c.s.documents.console.Page().Serve(c, c.r) }

// getConsoleFile answers with a file of that page.
func getConsoleFile(c *call) {
	if f := c.s.documents.console.File(c.param("file")); f != nil {
		f.Serve(c, c.r)
		return
	}
	c.fail(problems.NotFound)
}

func openAPI(c *call) { c.s.documents.spec.Serve(c, c.r, "") }

// getDocs answers with the page of the API reference.
func getDocs(c *call) { c.s.documents.reference.ServePage(c, c.r) }

// getDocsScript answers with the script of that page.
func getDocsScript(c *call) { c.s.documents.reference.ServeScript(c, c.r) }

// explainProblem answers with the page to which a problem's type points.
func explainProblem(c *call) {
	p, ok := c.s.documents.problems[problems.Kind(c.param("type"))]
	if !ok {
		c.fail(problems.NotFound)
		return
	}
	p.Serve(c, c.r)
}

// listProblems answers with the page that links to all problems.
func listProblems(c *call) { c.s.documents.problems[indexPage].Serve(c, c.r) }

// indexPage is the key of the list among the pages. No problem has it as its kind.
const indexPage problems.Kind = ""

// newProblemPages returns the pages of all problems.
func newProblemPages() map[problems.Kind]pages.Page {
	all := map[problems.Kind]pages.Page{indexPage: pages.NewPage("Problems", problems.Text("index")+problems.List())}
	for _, r := range problems.All {
		all[r.Kind] = pages.NewPage(string(r.Kind), r.Head()+problems.Text(string(r.Kind))+"\n[All problems](/problems)\n")
	}
	return all
}
