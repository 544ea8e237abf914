package api

import (
	"embed"
	"fmt"
	"net/http"
	"strings"

	"github.com/lockd/lockd"
	"github.com/lockd/lockd/internal/api/pages"
)

// documents are what the server serves of itself.
type documents struct {
	spec      *pages.Document
	reference *pages.Reference
	problems  map[kind]pages.Page
}

func newDocuments() documents {
	return documents{
		spec:      pages.NewDocument("application/yaml", []byte(lockd.OpenAPI)),
		reference: pages.NewReference(),
		problems:  newProblemPages(),
	}
}

func openAPI(c *call) { c.s.documents.spec.Serve(c, c.r, "") }

// getDocs answers with the page of the API reference.
func getDocs(c *call) { c.s.documents.reference.ServePage(c, c.r) }

// getDocsScript answers with the script of that page.
func getDocsScript(c *call) { c.s.documents.reference.ServeScript(c, c.r) }

// problemTexts has the page of each problem: problems/<kind>.md, and index.md for the page that lists all problems. The
// status, the title and the detail from errors.go are added before the text.
//
//go:embed problems
var problemTexts embed.FS

// explainProblem answers with the page to which a problem's type points.
func explainProblem(c *call) {
	p, ok := c.s.documents.problems[kind(c.param("type"))]
	if !ok {
		c.fail(kindNotFound)
		return
	}
	p.Serve(c, c.r)
}

// listProblems answers with the page that links to all problems.
func listProblems(c *call) { c.s.documents.problems[indexPage].Serve(c, c.r) }

// indexPage is the key of the list among the pages. No problem has it as its kind.
const indexPage kind = ""

// newProblemPages returns the pages of all problems.
func newProblemPages() map[kind]pages.Page {
	all := map[kind]pages.Page{indexPage: pages.NewPage("Problems", problemText("index")+problemList())}
	for _, r := range problems {
		all[r.kind] = pages.NewPage(string(r.kind), r.head()+problemText(string(r.kind))+"\n[All problems](/problems)\n")
	}
	return all
}

func problemText(name string) string {
	b, err := problemTexts.ReadFile("problems/" + name + ".md")
	if err != nil {
		panic("api: read the page of a problem: " + err.Error())
	}
	return string(b)
}

// head returns the beginning of a problem's page, from the table in errors.go.
func (r row) head() string {
	definitive, lost := "`true`: nothing was applied", "absent: no hold is lost"
	if r.unknown {
		definitive = "`false`: the request may or may not have been applied"
	}
	if r.lost {
		lost = "`true`: the hold that the request names has ended or is being broken: stop its work"
	}
	return fmt.Sprintf("# %s\n\n**%s.** %s\n\n- status: %d %s\n- `definitive` is %s\n- `lost` is %s\n\n",
		r.kind, r.title, r.detail, r.status, http.StatusText(r.status), definitive, lost)
}

// problemList returns a line for each problem.
func problemList() string {
	var b strings.Builder
	for _, r := range problems {
		fmt.Fprintf(&b, "- [%s](%s%s): %d. %s.\n", r.kind, problemPath, r.kind, r.status, r.title)
	}
	return b.String()
}
