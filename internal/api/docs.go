package api

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
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

// getDocs answers with the page of the API reference.
func getDocs(c *call) { c.show(c.s.documents.docs, "") }

// getDocsScript answers with the script of that page. Only the compressed script is in memory. It is decompressed for
// the few clients that do not accept gzip.
func getDocsScript(c *call) {
	d := c.s.documents.docsScript
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
		panic("api: decompress script: " + err.Error())
	}
	return b
}
