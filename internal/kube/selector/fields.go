package selector

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/status"
	"github.com/lockd/lockd/internal/kube/tree"
)

// Fields is a field selector. The zero value matches everything.
type Fields struct{ terms []term }

// A term is one condition: a field has a value, or has it not.
type term struct {
	field string
	path  []string
	value string
	not   bool
}

// Empty reports whether the selector matches everything.
func (s Fields) Empty() bool { return len(s.terms) == 0 }

// Matches reports whether an object is selected.
func (s Fields) Matches(object map[string]any) bool {
	for _, t := range s.terms {
		if (valueAt(object, t.path) == t.value) == t.not {
			return false
		}
	}
	return true
}

// source is the field of Events that has its value from several fields.
const source = "source"

// valueAt returns the value of a field as text.
func valueAt(object map[string]any, path []string) string {
	if len(path) == 1 && path[0] == source {
		if component := tree.String(object, "source", "component"); component != "" {
			return component
		}
		return tree.String(object, "reportingComponent")
	}
	return tree.String(object, path...)
}

// Name returns the only name that can match, if the selector names one. A list of it is a read of one object.
func (s Fields) Name() (string, bool) { return s.exact("metadata.name") }

// NameOnly reports whether the selector has no other condition than that of Name.
func (s Fields) NameOnly() bool {
	_, ok := s.Name()
	return s.Empty() || ok && len(s.terms) == 1
}

// Namespace returns the only namespace that can match, if the selector names one.
func (s Fields) Namespace() (string, bool) { return s.exact("metadata.namespace") }

func (s Fields) exact(field string) (string, bool) {
	for _, t := range s.terms {
		if t.field == field && !t.not {
			return t.value, true
		}
	}
	return "", false
}

// ParseFields reads a field selector, such as `metadata.name=a,type!=Normal`, for the objects of a resource.
func ParseFields(r resource.Resource, text string) (Fields, *status.Status) {
	var s Fields
	parts := split(text)
	slices.Sort(parts) // as in Kubernetes, so that the first error is the same
	for _, part := range parts {
		if part == "" {
			continue
		}
		t, err := parseTerm(text, part)
		if err != nil {
			return Fields{}, status.BadRequest(err.Error())
		}
		s.terms = append(s.terms, t)
	}
	for i, t := range s.terms {
		path, ok := selectable(r, t.field)
		if !ok {
			return Fields{}, status.BadRequest(unsupported(r, t.field))
		}
		s.terms[i].path = path
	}
	return s, nil
}

// objectFields are the selectable fields of the object that an Event is about.
var objectFields = []string{"kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"}

// selectable returns the path of a field that can be selected.
func selectable(r resource.Resource, field string) (path []string, ok bool) {
	fields := []string{"metadata.name", "metadata.namespace"}
	switch {
	case r.Kind == "Event" && r.Group == "":
		fields = append(fields, "reason", "type", source, "reportingComponent")
		for _, name := range objectFields {
			fields = append(fields, "involvedObject."+name)
		}
	case r.Kind == "Event":
		fields = append(fields, "reason", "type", "reportingController")
		for _, name := range objectFields {
			fields = append(fields, "regarding."+name)
		}
	}
	for _, name := range fields {
		if name == field {
			return strings.Split(field, "."), true
		}
	}
	return nil, false
}

func unsupported(r resource.Resource, field string) string {
	if r.Kind == "Event" {
		return "field label not supported: " + field
	}
	return fmt.Sprintf("%q is not a known field selector: only %q, %q", field, "metadata.name", "metadata.namespace")
}

// split splits a selector at the commas that no backslash precedes.
func split(text string) []string {
	var parts []string
	start, escaped := 0, false
	for i := range len(text) {
		switch {
		case escaped:
			escaped = false
		case text[i] == '\\':
			escaped = true
		case text[i] == ',':
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

func parseTerm(selector, text string) (term, error) {
	at := strings.IndexByte(text, '=')
	if at < 0 {
		return term{}, fmt.Errorf("invalid selector: '%s'; can't understand '%s'", selector, text)
	}
	t := term{field: text[:at]}
	rest := text[at+1:]
	if field, ok := strings.CutSuffix(t.field, "!"); ok {
		t.field, t.not = field, true
	} else {
		rest = strings.TrimPrefix(rest, "=")
	}
	var err error
	t.value, err = unescape(rest)
	return t, err
}

// unescape resolves the escapes `\\`, `\,` and `\=` of a value.
func unescape(text string) (string, error) {
	var b strings.Builder
	escaped := false
	for _, r := range text {
		special := r == '\\' || r == ',' || r == '='
		switch {
		case escaped && !special:
			return "", fmt.Errorf("invalid field selector: invalid escape sequence: \\%c", r)
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && special:
			return "", fmt.Errorf("invalid field selector: unescaped character in value: %v", r)
		}
		escaped = false
		b.WriteRune(r)
	}
	if escaped {
		return "", errors.New(`invalid field selector: invalid escape sequence: \`)
	}
	return b.String(), nil
}
