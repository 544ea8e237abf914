package api

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
)

// The reference is made in the browser, by RapiDoc, from this node's
// openapi.yaml. docs/fetch.sh says which version of RapiDoc it is.
var (
	//go:embed docs/index.html
	docsPage []byte
	//go:embed docs/rapidoc.js.gz
	docsScript []byte
)

// docsPolicy lets the reference use what is of this node, and nothing else. Its
// styles are made by the script, which no hash can know beforehand.
const docsPolicy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const javaScript = "text/javascript; charset=utf-8"

func newDocsPage() *document {
	d := newDocument("text/html; charset=utf-8", docsPage)
	d.policy = docsPolicy
	return d
}

func newDocsScript() *document {
	d := newDocument(javaScript, docsScript)
	d.encoding = "gzip"
	return d
}

// getDocs is the page with the reference.
func getDocs(c *call) { c.show(c.s.docs, "") }

// getDocsScript is the program of that page. It is kept as it is sent; the few
// that do not take gzip wait a moment longer.
func getDocsScript(c *call) {
	d := c.s.docsScript
	if c.wants("Accept-Encoding", d.encoding) == 0 {
		d = newDocument(javaScript, unzipped(d.body))
	}
	c.show(d, "Accept-Encoding")
}

func unzipped(b []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err == nil {
		b, err = io.ReadAll(r)
	}
	if err != nil {
		panic("api: a script that cannot be unpacked: " + err.Error())
	}
	return b
}
