package api

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"github.com/yuin/goldmark"
)

// problemTexts has the page of each problem: problems/<kind>.md, and index.md for the page that lists all problems. The
// status, the title and the detail from errors.go are added before the text.
//
//go:embed problems
var problemTexts embed.FS

// page is a text in two representations: as it was written, and as HTML.
type page struct{ text, html *document }

// showPage answers with a page: as HTML to browsers, and as text to other clients.
func (c *call) showPage(p page) {
	d := p.text
	if q := c.wants("Accept", "text/html"); q > 0 && q >= c.wants("Accept", "text/plain") {
		d = p.html
	}
	c.show(d, "Accept")
}

// explainProblem answers with the page to which a problem's type points.
func explainProblem(c *call) {
	p, ok := c.s.documents.pages[kind(c.param("type"))]
	if !ok {
		c.fail(kindNotFound)
		return
	}
	c.showPage(p)
}

// listProblems answers with the page that links to all problems.
func listProblems(c *call) { c.showPage(c.s.documents.pages[indexPage]) }

// indexPage is the key of the list among the pages. No problem has it as its kind.
const indexPage kind = ""

// newPages returns all pages.
func newPages() map[kind]page {
	pages := map[kind]page{indexPage: newPage("Problems", problemText("index")+problemList())}
	for _, r := range problems {
		pages[r.kind] = newPage(string(r.kind), r.head()+problemText(string(r.kind))+"\n[All problems](/problems)\n")
	}
	return pages
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

func newPage(title, text string) page {
	p := page{text: newDocument("text/plain; charset=utf-8", []byte(text))}
	var body bytes.Buffer
	if err := goldmark.Convert([]byte(text), &body); err != nil {
		panic("api: convert page to HTML: " + err.Error())
	}
	p.html = newDocument("text/html; charset=utf-8", fmt.Appendf(nil, pageFrame, title, pageStyle, &body))
	p.html.policy = pagePolicy
	return p
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
