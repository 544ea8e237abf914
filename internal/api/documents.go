package api

import (
	"net/http"

	"github.com/lockd/lockd/internal/api/documents"
	"github.com/lockd/lockd/internal/api/pages"
	"github.com/lockd/lockd/internal/api/problems"
)

// index answers with what this node serves: browsers are sent to the console.
func index(c *call) {
	c.Header()["Vary"] = []string{"Accept"}
	if pages.WantsHTML(c.r) {
		c.Header()["Location"] = []string{"/ui"}
		c.text(http.StatusSeeOther, "The console is at /ui.\n")
		return
	}
	c.json(http.StatusOK, 0, documents.NewIndex(c.s.cfg.Version))
}

// serveDocument returns a handler that serves one document.
func serveDocument(serve func(*documents.Documents, http.ResponseWriter, *http.Request)) func(*call) {
	return func(c *call) { serve(c.s.documents, c, c.r) }
}

func getConsoleFile(c *call) {
	if !c.s.documents.ConsoleFile(c, c.r, c.param("file")) {
		c.fail(problems.NotFound)
	}
}

// explainProblem answers with the page to which a problem's type points.
func explainProblem(c *call) {
	if !c.s.documents.Problem(c, c.r, problems.Kind(c.param("type"))) {
		c.fail(problems.NotFound)
	}
}
