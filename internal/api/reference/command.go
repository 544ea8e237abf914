package reference

import (
	"net/url"
	"strings"
)

// base is the address of a node in commands: that of `lockd server` without settings.
const base = "http://127.0.0.1:7400"

// Command returns a curl command for a route, from the examples of its parameters and its body.
func Command(path, method string, op node) string {
	var query []string
	headers := ""
	for ref := range op.get("parameters").all() {
		par := ref.get()
		name, example := par.get("name").text(), exampleOf(par)
		switch par.get("in").text() {
		case "path":
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(example))
		case "query":
			if example != "" && (par.get("required").text() == "true" || par.get("example").is()) {
				query = append(query, name+"="+url.QueryEscape(example))
			}
		}
	}
	if op.get("operationId").text() == "watch" {
		headers = " -N -H 'Accept: text/event-stream'"
	}
	target := base + path
	if len(query) > 0 {
		target += "?" + strings.Join(query, "&")
	}
	if strings.ContainsAny(target, "?&*") {
		target = "'" + target + "'"
	}
	command := "curl -s" + headers
	body := op.get("requestBody", "content", "application/json", "example")
	if method != "get" && (method != "post" || !body.is()) {
		command += " -X " + strings.ToUpper(method)
	}
	command += " " + target
	if body.is() {
		var b strings.Builder
		body.json(&b, "")
		command += " -d '" + strings.ReplaceAll(b.String(), "'", `'\''`) + "'"
	}
	return command
}

// exampleOf returns the example of a parameter, or of its schema.
func exampleOf(par node) string {
	if e := par.get("example"); e.is() {
		return e.text()
	}
	for e := range par.get("schema", "examples").all() {
		return e.text()
	}
	for e := range par.get("schema", "enum").all() {
		return e.text()
	}
	return ""
}
