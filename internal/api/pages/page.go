package pages

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"github.com/yuin/goldmark"
)

// Page is a text in two representations: as it was written, and as HTML.
type Page struct {
	text *Document
	html *Asset
}

// NewPage returns the page of a text in Markdown. Section is the page of the header to which it belongs.
func NewPage(title, section, text string) Page {
	var body bytes.Buffer
	if err := goldmark.Convert([]byte(text), &body); err != nil {
		panic("pages: convert page to HTML: " + err.Error())
	}
	return Page{
		text: NewDocument("text/plain; charset=utf-8", []byte(text)),
		html: NewHTML(title, section, `<div class="text">`+strings.ReplaceAll(body.String(), "<pre>", `<pre tabindex="0">`)+"</div>"),
	}
}

// Serve answers with the page: as HTML to browsers, and as text to other clients.
func (p Page) Serve(w http.ResponseWriter, r *http.Request) {
	if WantsHTML(r) {
		w.Header().Set("Vary", "Accept, Accept-Encoding")
		p.html.Serve(w, r)
		return
	}
	p.text.Serve(w, r, "Accept")
}

// WantsHTML reports whether a request prefers HTML to plain text, as browsers do.
func WantsHTML(r *http.Request) bool {
	q := wants(r, "Accept", "text/html")
	return q > 0 && q >= wants(r, "Accept", "text/plain")
}

// NewHTML returns a page with the header of the console. Title, section and body are not input, so nothing is escaped.
// html/template would make the binary four megabytes larger.
func NewHTML(title, section, body string) *Asset {
	return NewAsset("text/html; charset=utf-8", fmt.Appendf(nil, frame, title, header(section), body)).WithPolicy(policy)
}

// frame is the format of a page, with its title, header and body.
const frame = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>%s - lockd</title>
<link rel="icon" href="/ui/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/ui/style.css">
<script src="/ui/theme.js"></script>
<script src="/ui/page.js" type="module"></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
%s
<main id="main" tabindex="-1">
%s</main>
</body>
</html>
`

// header returns the header of the console, with the current section marked.
func header(section string) string {
	var b strings.Builder
	b.WriteString(`<header class="top"><a class="brand" href="/ui"><img src="/ui/icon.svg" alt="" width="24" height="24">lockd</a>` +
		`<nav aria-label="Pages"><a href="/ui#/">Overview</a><a href="/ui#/leases">Leases</a><a href="/ui#/holders">Holders</a>` +
		`<a href="/ui#/cluster">Cluster</a><a href="/ui#/events">Events</a>`)
	for _, s := range []struct{ path, title, class string }{{"/docs", "API", ` class="apart"`}, {"/problems", "Problems", ""}} {
		current := ""
		if s.path == section {
			current = ` aria-current="page"`
		}
		fmt.Fprintf(&b, `<a%s href="%s"%s>%s</a>`, s.class, s.path, current, s.title)
	}
	b.WriteString(`</nav><div class="who" id="theme"></div></header>`)
	return b.String()
}

// policy is the Content-Security-Policy of a page: it loads resources only from this node.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
