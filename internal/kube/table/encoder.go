package table

import (
	"bytes"
	"encoding/json"

	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/status"
)

// An Encoder encodes a list in a form, object by object: a tree of all objects takes ten times the memory of its JSON.
type Encoder struct {
	form     Form
	resource resource.Resource
	options  Options
	elements bytes.Buffer
}

// Encoder returns an encoder of a list. It refuses the form of one object.
func (f Form) Encoder(r resource.Resource, o Options) (*Encoder, *status.Status) {
	_, refused := f.List(r, nil, nil, o)
	return &Encoder{form: f, resource: r, options: o}, refused
}

// elementsOf returns the field of a list that has its elements.
func (f Form) elementsOf() string {
	if f.Kind == Table {
		return "rows"
	}
	return "items"
}

// list returns a list of some objects, in a form that Encoder has not refused.
func (e *Encoder) list(meta map[string]any, objects ...map[string]any) (list map[string]any, elements []any) {
	list, _ = e.form.List(e.resource, meta, objects, e.options)
	elements, _ = list[e.form.elementsOf()].([]any)
	return list, elements
}

// Add adds an object.
func (e *Encoder) Add(object map[string]any) {
	_, elements := e.list(nil, object)
	if e.elements.Len() > 0 {
		e.elements.WriteByte(',')
	}
	e.elements.Write(encode(elements[0]))
}

// List returns the JSON of the list. meta is its metadata, as for Form.List.
func (e *Encoder) List(meta map[string]any) []byte {
	list, _ := e.list(meta)
	field := e.form.elementsOf()
	delete(list, field)
	rest := encode(list)
	b := make([]byte, 0, len(rest)+len(field)+e.elements.Len()+len(`"":[],`)+1)
	b = append(append(b, `{"`+field+`":[`...), e.elements.Bytes()...)
	b = append(append(b, `],`...), rest[1:]...)
	if e.form.Pretty {
		var indented bytes.Buffer
		if err := json.Indent(&indented, b, "", "  "); err == nil { // it is valid
			b = indented.Bytes()
		}
	}
	return append(b, '\n')
}

func encode(value any) []byte {
	b, err := json.Marshal(value)
	if err != nil {
		panic("table: encode a list: " + err.Error()) // trees are always valid
	}
	return b
}
