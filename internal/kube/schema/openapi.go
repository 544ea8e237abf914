package schema

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/lockd/lockd/internal/kube/resource"
)

// OpenAPIV3 returns the OpenAPI 3.0 document of a group and version ("v1", "coordination.k8s.io/v1"), or nil if none is
// served. It has what kubectl needs to explain, validate and apply objects: the schemas, and the operations with their
// query parameters.
func OpenAPIV3(groupVersion string) []byte {
	group, version, ok := strings.Cut(groupVersion, "/")
	if !ok {
		group, version = "", groupVersion
	}
	resources := resource.Of(group, version)
	if len(resources) == 0 {
		return nil
	}
	d := document{schemas: make(map[string]any), paths: make(map[string]any)}
	for _, r := range resources {
		if s := Of(r.Group, r.Version, r.Kind); s != nil {
			d.add(r, s)
		}
	}
	text, err := json.Marshal(map[string]any{
		"openapi":    "3.0.0",
		"info":       map[string]any{"title": "Kubernetes", "version": "v1"},
		"paths":      d.paths,
		"components": map[string]any{"schemas": d.schemas},
	})
	if err != nil {
		return nil // the document has only strings, booleans, lists and maps
	}
	return text
}

// A document is an OpenAPI document in the making.
type document struct {
	schemas map[string]any
	paths   map[string]any
}

// add adds the schemas and the paths of a resource.
func (d *document) add(r resource.Resource, s *Schema) {
	d.object(s.Object, s.typeMeta(), kinds(s))
	d.object(DeleteOptions.Object, DeleteOptions.typeMeta(), nil)
	d.status()
	d.schemas[metaV1+"Patch"] = map[string]any{
		"type": "object", "description": "Patch is a change of an object, in the format of the content type.",
	}
	root := "/apis/" + r.GroupVersion() + "/"
	if r.Group == "" {
		root = "/api/" + r.Version + "/"
	}
	if !r.Namespaced {
		d.paths[root+r.Plural] = d.operations(r, s, collection, false)
		return
	}
	d.list(s)
	d.paths[root+r.Plural] = d.operations(r, s, everywhere, false)
	d.paths[root+"namespaces/{namespace}/"+r.Plural] = d.operations(r, s, collection, true)
	d.paths[root+"namespaces/{namespace}/"+r.Plural+"/{name}"] = d.operations(r, s, item, true)
}

// typeMeta returns the fields that every kind has.
func (s *Schema) typeMeta() []Field {
	return []Field{
		{Name: "apiVersion", Type: String, Description: "API version of the object: " + s.GroupVersion() + "."},
		{Name: "kind", Type: String, Description: "Kind of the object: " + s.Kind + "."},
	}
}

// kinds returns the value of x-kubernetes-group-version-kind of a schema.
func kinds(s *Schema) []any { return []any{kindOf(s)} }

func kindOf(s *Schema) map[string]any {
	return map[string]any{"group": s.Group, "version": s.Version, "kind": s.Kind}
}

// object adds the schema of an object and of all objects in it.
func (d *document) object(o *Object, more []Field, of []any) {
	if d.schemas[o.ID] != nil {
		return
	}
	properties := make(map[string]any)
	text := map[string]any{"type": "object", "description": o.Description, "properties": properties}
	d.schemas[o.ID] = text
	if o.Atomic {
		text["x-kubernetes-map-type"] = "atomic"
	}
	if of != nil {
		text["x-kubernetes-group-version-kind"] = of
	}
	var required []string
	for _, f := range slices.Concat(more, o.Fields) {
		properties[f.Name] = d.property(f)
		if f.Required {
			required = append(required, f.Name)
		}
	}
	if required != nil {
		slices.Sort(required)
		text["required"] = required
	}
}

// property returns the schema of a field.
func (d *document) property(f Field) map[string]any {
	p := map[string]any{"description": f.Description}
	text := map[string]any{"type": "string"}
	switch f.Type {
	case String:
		p["type"] = "string"
	case Bool:
		p["type"] = "boolean"
	case Int32, Int64:
		p["type"], p["format"] = "integer", f.goType()
	case Time:
		d.scalar("Time", map[string]any{"type": "string", "format": "date-time", "description": "Time in RFC 3339."})
		p["allOf"] = []any{reference(metaV1 + "Time")}
	case MicroTime:
		d.scalar("MicroTime", map[string]any{"type": "string", "format": "date-time", "description": "Time in RFC 3339 with six digits of a fraction."})
		p["allOf"] = []any{reference(metaV1 + "MicroTime")}
	case Message:
		d.object(f.Object, nil, nil)
		p["allOf"] = []any{reference(f.Object.ID)}
	case Strings:
		p["type"], p["items"] = "array", text
		f.mergeRules(p)
	case Messages:
		d.object(f.Object, nil, nil)
		p["type"], p["items"] = "array", map[string]any{"allOf": []any{reference(f.Object.ID)}}
		f.mergeRules(p)
	case Map:
		p["type"], p["additionalProperties"] = "object", text
	case ListMap:
		p["type"], p["additionalProperties"] = "object", map[string]any{"type": "array", "items": text}
	case FieldSet:
		d.scalar("FieldsV1", map[string]any{"type": "object", "description": "Set of field paths as nested objects."})
		p["allOf"] = []any{reference(metaV1 + "FieldsV1")}
	}
	return p
}

// scalar adds a schema that is not of a table.
func (d *document) scalar(name string, text map[string]any) { d.schemas[metaV1+name] = text }

// mergeRules adds how a list merges.
func (f *Field) mergeRules(p map[string]any) {
	switch f.List {
	case Atomic:
		p["x-kubernetes-list-type"] = "atomic"
	case Set:
		p["x-kubernetes-list-type"], p["x-kubernetes-patch-strategy"] = "set", "merge"
	case ByKey:
		p["x-kubernetes-list-type"], p["x-kubernetes-list-map-keys"] = "map", []string{f.Key}
		p["x-kubernetes-patch-strategy"], p["x-kubernetes-patch-merge-key"] = "merge", f.Key
	}
}

func reference(id string) map[string]any {
	return map[string]any{"$ref": "#/components/schemas/" + id}
}

// list adds the schema of the list of a kind.
func (d *document) list(s *Schema) {
	d.object(listMeta, nil, nil)
	list := &Schema{Group: s.Group, Version: s.Version, Kind: s.Kind + "List", Object: &Object{
		ID:          s.Object.ID + "List",
		Description: s.Kind + "List is a list of objects of the kind " + s.Kind + ".",
		Fields: []Field{
			{Name: "metadata", Type: Message, Object: listMeta, Description: "Metadata of the list."},
			{Name: "items", Type: Messages, Object: s.Object, Required: true, Description: "Objects of the list."},
		},
	}}
	d.object(list.Object, list.typeMeta(), kinds(list))
}

// status adds the schema of errors.
func (d *document) status() {
	d.scalar("Status", map[string]any{
		"type": "object", "description": "Status is an error, or the success of a delete.",
		"properties": map[string]any{
			"apiVersion": map[string]any{"type": "string", "description": "API version of the object: v1."},
			"kind":       map[string]any{"type": "string", "description": "Kind of the object: Status."},
			"status":     map[string]any{"type": "string", "description": "Success or Failure."},
			"message":    map[string]any{"type": "string", "description": "Description of the error."},
			"reason":     map[string]any{"type": "string", "description": "Reason for the error, for programs."},
			"code":       map[string]any{"type": "integer", "format": "int32", "description": "HTTP status code."},
		},
	})
}
