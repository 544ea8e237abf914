package reference

import (
	"fmt"
	"html"
	"strings"
)

// typeOf returns the type of a value with its bounds, and a link to its schema if that has a name.
func typeOf(schema node) string {
	if name := schema.schemaName(); name != "" {
		return fmt.Sprintf(`<a href="#%s">%s</a>`, name, name)
	}
	kind := strings.Join(append(schema.get("type").texts(), schema.get("type").text()), " or ")
	if of := schema.member("items"); of.is() {
		kind = "list of " + typeOf(of)
	} else {
		kind = html.EscapeString(strings.TrimSuffix(kind, " or "))
	}
	if all := schema.get("enum"); all.is() {
		kind += "<div class=\"muted\">one of <code>" + strings.Join(escaped(all.texts()), "</code>, <code>") + "</code></div>"
	}
	if limits := bounds(schema); limits != "" {
		kind += `<div class="muted">` + html.EscapeString(limits) + "</div>"
	}
	return kind
}

func escaped(all []string) []string {
	for i, s := range all {
		all[i] = html.EscapeString(s)
	}
	return all
}

// bounds describes the limits of a value.
func bounds(schema node) string {
	value := func(key string) string { return schema.get(key).text() }
	between := func(least, most, unit string) string {
		switch {
		case least != "" && most != "":
			return least + " to " + most + unit
		case most != "":
			return "at most " + most + unit
		case least != "":
			return "at least " + least + unit
		}
		return ""
	}
	var all []string
	for _, b := range []string{
		between(value("minimum"), value("maximum"), ""), between(value("minLength"), value("maxLength"), " characters"),
		between(value("minItems"), value("maxItems"), " elements"),
	} {
		if b != "" {
			all = append(all, b)
		}
	}
	if v := value("default"); v != "" {
		all = append(all, "default "+v)
	}
	if v := value("format"); v == "date-time" {
		all = append(all, "RFC 3339")
	}
	return strings.Join(all, ", ")
}
