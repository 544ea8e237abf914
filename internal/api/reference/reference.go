package reference

import (
	"bytes"
	"fmt"
	"html"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// hidden is the tag of the routes that serve pages: they are not part of the interface for programs.
const hidden = "pages"

// HTML returns the body of the page: the overview, each group of routes, and the schemas. The contract is trusted.
func HTML(contract []byte) string {
	root, err := parse(contract)
	if err != nil {
		panic("reference: parse the contract: " + err.Error())
	}
	p := &page{root: root}
	p.contents()
	p.write(`<div class="reference">`)
	p.write(`<h1>HTTP API <span class="small">%s</span></h1><p>%s The same for programs: <a href="/openapi.yaml">openapi.yaml</a>.</p>`,
		html.EscapeString(root.get("info", "version").text()), html.EscapeString(root.get("info", "summary").text()))
	p.write("%s", markdown(root.get("info", "description").text()))
	for tag := range root.get("tags").all() {
		if tag.get("name").text() != hidden {
			p.group(tag)
		}
	}
	p.schemas()
	p.write("</div>")
	return p.b.String()
}

// page is the page that is being written.
type page struct {
	root node
	b    strings.Builder
}

func (p *page) write(format string, args ...any) { fmt.Fprintf(&p.b, format, args...) }

// contents writes the list of all routes.
func (p *page) contents() {
	p.write(`<nav class="contents" aria-label="Routes"><details open><summary>Routes</summary>`)
	for tag := range p.root.get("tags").all() {
		name := tag.get("name").text()
		if name == hidden {
			continue
		}
		p.write(`<h2><a href="#%s">%s</a></h2><ul>`, name, title(name))
		p.operations(name, func(path, method string, op node) {
			p.write(`<li><a href="#%s"><span class="method %s">%s</span> %s</a></li>`, op.get("operationId").text(), method,
				strings.ToUpper(method), html.EscapeString(op.get("summary").text()))
		})
		p.write("</ul>")
	}
	p.write(`<h2><a href="#schemas">Schemas</a></h2></details></nav>`)
}

// operations calls f with each route of a group.
func (p *page) operations(tag string, f func(path, method string, op node)) {
	for path, item := range p.root.get("paths").pairs() {
		for method, op := range item.pairs() {
			if tags := op.get("tags").texts(); len(tags) > 0 && tags[0] == tag {
				f(path, method, op)
			}
		}
	}
}

func (p *page) group(tag node) {
	name := tag.get("name").text()
	p.write(`<h2 id="%s">%s</h2><p class="muted">%s</p>`, name, title(name), html.EscapeString(tag.get("description").text()))
	p.operations(name, p.operation)
}

func (p *page) operation(path, method string, op node) {
	id := op.get("operationId").text()
	p.write(`<section id="%s" class="operation"><h3><a href="#%s">%s</a></h3>`, id, id, html.EscapeString(op.get("summary").text()))
	p.write(`<p class="route"><span class="method %s">%s</span> <code>%s</code> <span class="badge">%s</span></p>`,
		method, strings.ToUpper(method), html.EscapeString(path), right(op.get("x-lockd-right").text()))
	p.write("%s", markdown(op.get("description").text()))
	p.write(`<pre class="command" tabindex="0"><code>%s</code></pre>`, html.EscapeString(Command(path, method, op)))
	p.parameters(op.get("parameters"))
	body := op.get("requestBody", "content", "application/json", "schema")
	if body.is() {
		p.write("<h4>Body</h4>")
		p.members(body)
	}
	p.answers(op.get("responses"))
	p.write("</section>")
}

// right describes what a caller needs, if the cluster requires credentials.
func right(name string) string {
	switch name {
	case "none":
		return "no credential"
	case "any":
		return "any credential"
	}
	return "right " + html.EscapeString(name)
}

func (p *page) parameters(list node) {
	rows := 0
	for ref := range list.all() {
		par := ref.get()
		if rows++; rows == 1 {
			p.write(`<h4>Parameters</h4><div class="table-box" tabindex="0"><table><thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Description</th></tr></thead><tbody>`)
		}
		where := par.get("in").text()
		if par.get("required").text() == "true" {
			where += ", required"
		}
		p.row(par.get("name").text(), where, par.member("schema"), par.get("description").text())
	}
	if rows > 0 {
		p.write("</tbody></table></div>")
	}
}

// row writes a parameter or a member.
func (p *page) row(name, note string, schema node, description string) {
	p.write(`<tr><th scope="row"><code>%s</code>`, html.EscapeString(name))
	if note != "" {
		p.write(`<div class="muted">%s</div>`, html.EscapeString(note))
	}
	p.write(`</th><td>%s</td><td>%s</td></tr>`, typeOf(schema), markdown(description))
}

// members writes the members of an object as a table.
func (p *page) members(schema node) {
	object := schema.get()
	p.write("%s", markdown(object.get("description").text()))
	required := object.get("required").texts()
	p.write(`<div class="table-box" tabindex="0"><table><thead><tr><th scope="col">Member</th><th scope="col">Type</th><th scope="col">Description</th></tr></thead><tbody>`)
	for name, value := range object.get("properties").pairs() {
		note := ""
		for _, r := range required {
			if r == name {
				note = "required"
			}
		}
		description := value.member("description").text()
		if description == "" && value.schemaName() == "" {
			description = value.get("description").text()
		}
		p.row(name, note, value, description)
	}
	p.write("</tbody></table></div>")
}

func (p *page) answers(list node) {
	p.write(`<h4>Answers</h4><dl class="answers">`)
	for status, ref := range list.pairs() {
		answer := ref.get()
		p.write(`<dt><code class="status s%c">%s</code></dt><dd>%s`, status[0], status, markdown(answer.get("description").text()))
		for kind, content := range answer.get("content").pairs() {
			if name := content.member("schema").schemaName(); name != "" && status[0] == '2' {
				p.write(`<p><a href="#%s">%s</a> <span class="muted">%s</span></p>`, name, name, kind)
			}
			if example := content.get("example"); example.is() && status[0] == '2' {
				var b strings.Builder
				if example.json(&b, ""); kind != "application/json" {
					b.Reset()
					b.WriteString(example.text())
				}
				p.write(`<pre tabindex="0"><code>%s</code></pre>`, html.EscapeString(b.String()))
			}
		}
		p.write("</dd>")
	}
	p.write("</dl>")
}

func (p *page) schemas() {
	p.write(`<h2 id="schemas">Schemas</h2>`)
	for name, schema := range p.root.get("components", "schemas").pairs() {
		p.write(`<section id="%s" class="operation"><h3><a href="#%s">%s</a></h3>`, name, name, name)
		if schema.get("properties").is() {
			p.members(schema)
		} else {
			p.write("<p>%s</p>%s", typeOf(schema), markdown(schema.get("description").text()))
		}
		p.write("</section>")
	}
}

// title returns the name of a group with a capital letter.
func title(name string) string { return strings.ToUpper(name[:1]) + html.EscapeString(name[1:]) }

// markdown returns a text of the contract as HTML.
func markdown(text string) string {
	if text == "" {
		return ""
	}
	var b bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.Table)).Convert([]byte(text), &b); err != nil {
		panic("reference: convert a description: " + err.Error())
	}
	return strings.NewReplacer("<table>", `<div class="table-box" tabindex="0"><table>`, "</table>", "</table></div>").Replace(b.String())
}
