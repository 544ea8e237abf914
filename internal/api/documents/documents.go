// Package documents has what a node serves of itself: the contract and its reference, the pages of problems, and the
// console.
package documents

import (
	"net/http"
	"sync"

	"github.com/lockd/lockd"
	"github.com/lockd/lockd/internal/api/pages"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/api/reference"
	"github.com/lockd/lockd/internal/api/ui"
)

// Documents are the documents of a node. What takes long to make is made for the first request.
type Documents struct {
	spec      *pages.Document
	reference func() *pages.Asset
	problems  func() map[problems.Kind]pages.Page
	console   func() *ui.Console
}

// New returns the documents.
func New() *Documents {
	return &Documents{
		spec: pages.NewDocument("application/yaml", []byte(lockd.OpenAPI)),
		reference: sync.OnceValue(func() *pages.Asset {
			return pages.NewHTML("HTTP API", "/docs", reference.HTML([]byte(lockd.OpenAPI)))
		}),
		problems: sync.OnceValue(newProblemPages),
		console:  sync.OnceValue(ui.New),
	}
}

// Index lists what a node serves apart from the routes of the contract.
type Index struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Console  string `json:"console"`
	Docs     string `json:"docs"`
	Contract string `json:"openapi"`
	Problems string `json:"problems"`
	Metrics  string `json:"metrics"`
}

// NewIndex returns the index of a node of a version.
func NewIndex(version string) Index {
	return Index{"lockd", version, "/ui", "/docs", "/openapi.yaml", "/problems", "/metrics"}
}

// Console answers with the page of the console.
func (d *Documents) Console(w http.ResponseWriter, r *http.Request) { d.console().Page().Serve(w, r) }

// ConsoleFile answers with a file of that page, and reports whether there is one.
func (d *Documents) ConsoleFile(w http.ResponseWriter, r *http.Request, name string) bool {
	f := d.console().File(name)
	if f != nil {
		f.Serve(w, r)
	}
	return f != nil
}

// Contract answers with the contract.
func (d *Documents) Contract(w http.ResponseWriter, r *http.Request) { d.spec.Serve(w, r, "") }

// Reference answers with the page of the API reference.
func (d *Documents) Reference(w http.ResponseWriter, r *http.Request) { d.reference().Serve(w, r) }

// Problem answers with the page of a kind of problem, and reports whether there is one.
func (d *Documents) Problem(w http.ResponseWriter, r *http.Request, kind problems.Kind) bool {
	p, ok := d.problems()[kind]
	if ok {
		p.Serve(w, r)
	}
	return ok
}

// Problems answers with the page that links to all problems.
func (d *Documents) Problems(w http.ResponseWriter, r *http.Request) {
	d.problems()[indexPage].Serve(w, r)
}

// indexPage is the key of the list among the pages. No problem has it as its kind.
const indexPage problems.Kind = ""

// newProblemPages returns the pages of all problems.
func newProblemPages() map[problems.Kind]pages.Page {
	all := map[problems.Kind]pages.Page{indexPage: pages.NewPage("Problems", problems.Section, problems.Text("index")+problems.List())}
	for _, r := range problems.All {
		all[r.Kind] = pages.NewPage(string(r.Kind), problems.Section, r.Head()+problems.Text(string(r.Kind))+"\n[All problems](/problems)\n")
	}
	return all
}
