package pages

import (
	_ "embed"
	"net/http"
)

// RapiDoc renders the API reference in the browser from this node's openapi.yaml. docs/fetch.sh has the version of
// RapiDoc.
var (
	//go:embed docs/index.html
	docsPage []byte
	//go:embed docs/rapidoc.js.gz
	docsScript []byte
)

// docsPolicy is the Content-Security-Policy of the reference: it loads resources only from this node. The script makes
// the styles, so they cannot be allowed by a hash.
const docsPolicy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const javaScript = "text/javascript; charset=utf-8"

// Reference is the API reference: a page for browsers and its script.
type Reference struct {
	page   *Document
	script *Asset
}

// NewReference returns the API reference.
func NewReference() *Reference {
	f := &Reference{page: NewDocument("text/html; charset=utf-8", docsPage), script: newZipped(javaScript, docsScript)}
	f.page.policy = docsPolicy
	return f
}

// ServePage answers with the page.
func (f *Reference) ServePage(w http.ResponseWriter, r *http.Request) { f.page.Serve(w, r, "") }

// ServeScript answers with the script.
func (f *Reference) ServeScript(w http.ResponseWriter, r *http.Request) { f.script.Serve(w, r) }
