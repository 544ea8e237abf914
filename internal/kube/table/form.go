// Package table writes objects in the forms that clients of the Kubernetes API accept: whole objects, the tables that
// kubectl prints, and metadata alone.
package table

import (
	"time"

	"github.com/lockd/lockd/internal/kube/accept"
	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/status"
	"github.com/lockd/lockd/internal/kube/tree"
)

// A Kind is what is written of an object.
type Kind uint8

// The kinds of forms.
const (
	Object      Kind = iota // the object or a list of objects
	Table                   // a table with a row for each object
	Partial                 // the metadata of one object
	PartialList             // the metadata of each object of a list
)

// A Form is how a client wants objects.
type Form struct {
	Kind    Kind
	Version string // of meta.k8s.io: v1 or v1beta1
	Pretty  bool   // indented
}

// Negotiate returns the form that the header Accept of a request prefers. watch is whether the request is a watch.
func Negotiate(header string, watch bool) (Form, *status.Status) {
	params, ok := accept.JSON(header, func(p accept.Params) bool {
		_, ok := formOf(p)
		stream := p["stream"]
		return ok && (stream == "" || stream == "watch" && watch)
	})
	if !ok {
		types := []string{"application/json"}
		if watch {
			types = []string{"application/json;stream=watch"}
		}
		return Form{}, status.NotAcceptable("", types...)
	}
	form, _ := formOf(params)
	return form, nil
}

// formOf returns the form that the parameters of a media type name.
func formOf(p accept.Params) (Form, bool) {
	f := Form{Version: p["v"], Pretty: p["pretty"] == "1"}
	if p["as"] == "" && p["g"] == "" && p["v"] == "" {
		return f, true
	}
	switch p["as"] {
	case "Table":
		f.Kind = Table
	case "PartialObjectMetadata":
		f.Kind = Partial
	case "PartialObjectMetadataList":
		f.Kind = PartialList
	default:
		return f, false
	}
	return f, p["g"] == "meta.k8s.io" && (f.Version == "v1" || f.Version == "v1beta1")
}

// An Include is what a row of a table has of its object: the value of the query parameter includeObject.
type Include string

// The values of includeObject.
const (
	IncludeNone     Include = "None"
	IncludeMetadata Include = "Metadata" // also if the parameter is empty
	IncludeObject   Include = "Object"
)

// ParseInclude reads the query parameter includeObject.
func ParseInclude(text string) (Include, *status.Status) {
	switch i := Include(text); i {
	case "":
		return IncludeMetadata, nil
	case IncludeNone, IncludeMetadata, IncludeObject:
		return i, nil
	}
	return "", status.BadRequest("unrecognized includeObject value: \"" + text + "\": use None, Metadata or Object")
}

// Options are the settings of tables.
type Options struct {
	Include Include
	Now     time.Time // the time to which ages are counted
}

// One returns an object in the form. It refuses forms of lists.
func (f Form) One(r resource.Resource, object map[string]any, o Options) (map[string]any, *status.Status) {
	if f.Kind == PartialList {
		return nil, status.NotAcceptable("PartialObjectMetadataList", "application/json")
	}
	return f.Frame(r, object, o, true), nil
}

// Frame returns an object of a watch event in the form. first is whether no frame precedes it: only the first table has
// column definitions.
func (f Form) Frame(r resource.Resource, object map[string]any, o Options, first bool) map[string]any {
	switch f.Kind {
	case Table:
		meta := map[string]any{}
		if version := tree.String(object, "metadata", "resourceVersion"); version != "" {
			meta["resourceVersion"] = version
		}
		table := f.table(r, meta, []map[string]any{object}, o)
		if !first {
			table["columnDefinitions"] = nil
		}
		return table
	case Partial, PartialList:
		return f.partial(object)
	default:
		return object
	}
}

// List returns a list in the form. meta is the metadata of the list: resourceVersion, continue, remainingItemCount. It
// refuses the form of one object.
func (f Form) List(r resource.Resource, meta map[string]any, objects []map[string]any, o Options) (map[string]any, *status.Status) {
	if meta == nil {
		meta = map[string]any{}
	}
	items := make([]any, len(objects))
	switch f.Kind {
	case Table:
		return f.table(r, meta, objects, o), nil
	case Partial:
		return nil, status.NotAcceptable("PartialObjectMetadata", "application/json")
	case PartialList:
		for i, object := range objects {
			items[i] = f.partial(object)
		}
		return map[string]any{
			"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/" + f.Version, "metadata": meta, "items": items,
		}, nil
	}
	for i, object := range objects {
		items[i] = withoutKind(object)
	}
	return map[string]any{"kind": r.Kind + "List", "apiVersion": r.GroupVersion(), "metadata": meta, "items": items}, nil
}

// partial returns the metadata of an object.
func (f Form) partial(object map[string]any) map[string]any {
	meta := tree.Object(object, "metadata")
	if meta == nil {
		meta = map[string]any{}
	}
	return map[string]any{"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/" + f.Version, "metadata": meta}
}

// withoutKind returns an object as an item of a list, which has no kind.
func withoutKind(object map[string]any) map[string]any {
	item := make(map[string]any, len(object))
	for name, value := range object {
		if name != "kind" && name != "apiVersion" {
			item[name] = value
		}
	}
	return item
}
