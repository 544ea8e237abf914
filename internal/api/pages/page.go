package pages

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"

	"github.com/yuin/goldmark"
)

// Page is a text in two representations: as it was written, and as HTML.
type Page struct{ text, html *Document }

// NewPage returns the page of a text in Markdown.
func NewPage(title, text string) Page {
	p := Page{text: NewDocument("text/plain; charset=utf-8", []byte(text))}
	var body bytes.Buffer
	if err := goldmark.Convert([]byte(text), &body); err != nil {
		panic("pages: convert page to HTML: " + err.Error())
	}
	p.html = NewDocument("text/html; charset=utf-8", fmt.Appendf(nil, pageFrame, title, pageStyle, &body))
	p.html.policy = pagePolicy
	return p
}

// Serve answers with the page: as HTML to browsers, and as text to other clients.
func (p Page) Serve(w http.ResponseWriter, r *http.Request) {
	d := p.text
	if WantsHTML(r) {
		d = p.html
	}
	d.Serve(w, r, "Accept")
}

// WantsHTML reports whether a request prefers HTML to plain text, as browsers do.
func WantsHTML(r *http.Request) bool {
	q := wants(r, "Accept", "text/html")
	return q > 0 && q >= wants(r, "Accept", "text/plain")
}

// pageFrame is the format of an HTML page, with its title, style and body. None of them is input, so nothing is
// escaped. html/template would make the binary four megabytes larger.
const pageFrame = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>%s - lockd</title>
<style>%s</style>
</head>
<body>
<main>
%s</main>
</body>
</html>
`

const pageStyle = `
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff }
main { max-width: 44rem; margin: 0 auto; padding: 1rem 1rem 3rem; overflow-wrap: break-word }
h1, h2 { line-height: 1.2 }
h2 { margin-top: 2rem; font-size: 1.2rem }
a { color: #0550ae }
code, pre { font: .875em/1.5 ui-monospace, monospace; background: #f0f1f3; border-radius: 4px }
code { padding: .1em .25em }
pre { padding: .75rem; overflow-x: auto }
pre code { padding: 0; font-size: 1em }
li { margin: .25rem 0 }
@media (prefers-color-scheme: dark) {
  body { color: #e6e6e6; background: #16181b }
  a { color: #79b8ff }
  code, pre { background: #262a2f }
}
`

// pagePolicy is the Content-Security-Policy of a page: it allows only the page's own style.
var pagePolicy = "default-src 'none'; style-src '" + sourceHash(pageStyle) +
	"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// sourceHash returns the source expression of an inline style for a policy.
func sourceHash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
