package schema

import (
	"github.com/lockd/lockd/internal/kube/resource"
)

// A scope is what a path of a resource is for.
type scope uint8

const (
	everywhere scope = iota // the objects of all namespaces
	collection              // the objects of a namespace, or those of a resource without namespaces
	item                    // one object
)

// An operation is a verb of a resource on a path.
type operation struct {
	scope  scope
	method string
	verb   string // of the resource
	action string // x-kubernetes-action
	query  []string
}

// operations are the operations of every resource, as far as it has the verb.
var operations = []operation{
	{everywhere, "get", "list", "list", listParameters},
	{collection, "get", "list", "list", listParameters},
	{collection, "post", "create", "post", writeParameters},
	{item, "get", "get", "get", nil},
	{item, "put", "update", "put", writeParameters},
	{item, "patch", "patch", "patch", append([]string{"force"}, writeParameters...)},
	{item, "delete", "delete", "delete", []string{"dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"}},
}

var (
	writeParameters = []string{"dryRun", "fieldManager", "fieldValidation"}
	listParameters  = []string{
		"allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion",
		"resourceVersionMatch", "sendInitialEvents", "timeoutSeconds", "watch",
	}
)

// parameters are the query parameters, with their types and meanings.
var parameters = map[string]struct{ kind, description string }{
	"allowWatchBookmarks":  {"boolean", "Whether the watch sends events of the type BOOKMARK."},
	"continue":             {"string", "Token of the previous part of the list."},
	"dryRun":               {"string", "All to check the request and store nothing."},
	"fieldManager":         {"string", "Name of the manager that owns the written fields. Required for apply."},
	"fieldSelector":        {"string", "Fields of the objects to return."},
	"fieldValidation":      {"string", "What to do with unknown and duplicate fields: Ignore, Warn or Strict."},
	"force":                {"boolean", "Whether an apply takes fields from other managers."},
	"gracePeriodSeconds":   {"integer", "Unused: objects are deleted at once."},
	"labelSelector":        {"string", "Labels of the objects to return."},
	"limit":                {"integer", "Maximum number of objects to return."},
	"orphanDependents":     {"boolean", "Deprecated: use propagationPolicy."},
	"pretty":               {"string", "Whether to indent the answer."},
	"propagationPolicy":    {"string", "Unused: dependent objects are not deleted."},
	"resourceVersion":      {"string", "Version at which to read, or from which to watch."},
	"resourceVersionMatch": {"string", "How resourceVersion applies to a list."},
	"sendInitialEvents":    {"boolean", "Whether a watch starts with the stored objects."},
	"timeoutSeconds":       {"integer", "Seconds after which the list or watch ends."},
	"watch":                {"boolean", "Whether to watch the objects."},
}

// operations returns the operations of a path.
func (d *document) operations(r resource.Resource, s *Schema, on scope, namespaced bool) map[string]any {
	paths := map[string]any{"parameters": pathParameters(on, namespaced)}
	for _, o := range operations {
		if o.scope == on && r.Has(o.verb) {
			paths[o.method] = o.text(r, s)
		}
	}
	return paths
}

// pathParameters returns the parameters of every operation of a path.
func pathParameters(on scope, namespaced bool) []any {
	list := []any{queryParameter("pretty")}
	add := func(name, description string) {
		list = append(list, map[string]any{
			"name": name, "in": "path", "required": true, "description": description,
			"schema": map[string]any{"type": "string"},
		})
	}
	if namespaced {
		add("namespace", "Namespace of the objects.")
	}
	if on == item {
		add("name", "Name of the object.")
	}
	return list
}

func queryParameter(name string) map[string]any {
	p := parameters[name]
	return map[string]any{
		"name": name, "in": "query", "description": p.description, "schema": map[string]any{"type": p.kind},
	}
}

// text returns an operation of the document.
func (o operation) text(r resource.Resource, s *Schema) map[string]any {
	result := s.Object.ID
	switch o.verb {
	case "list":
		result += "List"
	case "delete":
		result = metaV1 + "Status"
	}
	code := "200"
	if o.verb == "create" {
		code = "201"
	}
	text := map[string]any{
		"description": o.verb + " " + r.Plural, "operationId": o.id(r), "tags": []string{r.Group + "_" + r.Version},
		"x-kubernetes-action": o.action, "x-kubernetes-group-version-kind": kindOf(s),
		"responses": map[string]any{code: map[string]any{"description": "OK", "content": content(result, JSON)}},
	}
	var query []any
	for _, name := range o.query {
		query = append(query, queryParameter(name))
	}
	if query != nil {
		text["parameters"] = query
	}
	switch o.verb {
	case "create", "update":
		text["requestBody"] = map[string]any{"required": true, "content": content(s.Object.ID, "*/*")}
	case "patch":
		text["requestBody"] = map[string]any{"required": true, "content": content(metaV1+"Patch", PatchTypes()...)}
	case "delete":
		text["requestBody"] = map[string]any{"content": content(DeleteOptions.Object.ID, "*/*")}
	}
	return text
}

// id returns an identifier of the operation that no other operation of the document has.
func (o operation) id(r resource.Resource) string {
	suffix := "Namespaced"
	if o.scope == everywhere {
		suffix = "EveryNamespaced"
	}
	if !r.Namespaced {
		suffix = ""
	}
	return o.verb + suffix + r.Kind
}

func content(id string, types ...string) map[string]any {
	text := make(map[string]any, len(types))
	for _, t := range types {
		text[t] = map[string]any{"schema": reference(id)}
	}
	return text
}

// The content types of patches.
const (
	JSONPatch      = "application/json-patch+json"
	MergePatch     = "application/merge-patch+json"
	StrategicPatch = "application/strategic-merge-patch+json"
	ApplyPatch     = "application/apply-patch+yaml"
)

// PatchTypes returns the content types of patches.
func PatchTypes() []string { return []string{JSONPatch, MergePatch, StrategicPatch, ApplyPatch} }
