package table

import (
	"strings"

	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/tree"
)

// A column is a column of a table.
type column struct {
	name, format, description string
	priority                  int64 // 1 for the columns of `kubectl get -o wide`
	cell                      func(object map[string]any, o Options) any
}

// at returns the cell function of a string field.
func at(path ...string) func(map[string]any, Options) any {
	return func(object map[string]any, _ Options) any { return tree.String(object, path...) }
}

func age(object map[string]any, o Options) any {
	return since(o.Now, tree.String(object, "metadata", "creationTimestamp"))
}

var (
	nameColumn = column{name: "Name", format: "name", description: "Name of the object.", cell: at("metadata", "name")}
	ageColumn  = column{name: "Age", description: "Time since the creation of the object.", cell: age}
)

// columnsOf returns the columns of a resource.
func columnsOf(r resource.Resource) []column {
	switch r.Kind {
	case "Lease":
		return []column{
			nameColumn,
			{name: "Holder", description: "Identity of the holder.", cell: at("spec", "holderIdentity")},
			ageColumn,
		}
	case "LeaseCandidate":
		return []column{
			nameColumn,
			{name: "LeaseName", description: "Name of the Lease.", cell: at("spec", "leaseName")},
			{name: "BinaryVersion", description: "Version of the program.", cell: at("spec", "binaryVersion")},
			{name: "EmulationVersion", description: "Version that the program emulates.", cell: at("spec", "emulationVersion")},
			ageColumn,
		}
	case "Event":
		return eventColumns(r)
	}
	return []column{nameColumn, ageColumn}
}

// table returns a table with a row for each object.
func (f Form) table(r resource.Resource, meta map[string]any, objects []map[string]any, o Options) map[string]any {
	columns := columnsOf(r)
	definitions, rows := make([]any, len(columns)), make([]any, len(objects))
	for i, c := range columns {
		definitions[i] = map[string]any{
			"name": c.name, "type": "string", "format": c.format, "description": c.description, "priority": c.priority,
		}
	}
	for i, object := range objects {
		cells := make([]any, len(columns))
		for j, c := range columns {
			cells[j] = c.cell(object, o)
		}
		row := map[string]any{"cells": cells}
		switch o.Include {
		case IncludeNone:
		case IncludeObject:
			row["object"] = object
		default:
			row["object"] = f.partial(object)
		}
		rows[i] = row
	}
	return map[string]any{
		"kind": "Table", "apiVersion": "meta.k8s.io/" + f.Version, "metadata": meta, "columnDefinitions": definitions, "rows": rows,
	}
}

// eventColumns returns the columns of both versions of Events.
func eventColumns(r resource.Resource) []column {
	e := eventFields{"involvedObject", "source", "message", "firstTimestamp", "lastTimestamp", "count", "reportingComponent"}
	if r.Group != "" {
		e = eventFields{"regarding", "deprecatedSource", "note", "deprecatedFirstTimestamp", "deprecatedLastTimestamp", "deprecatedCount", "reportingController"}
	}
	name := nameColumn
	name.priority = 1
	return []column{
		{name: "Last Seen", description: "Time since the last occurrence.", cell: e.lastSeen},
		{name: "Type", description: "Normal or Warning.", cell: at("type")},
		{name: "Reason", description: "Reason for the event.", cell: at("reason")},
		{name: "Object", description: "Object that the event is about.", cell: e.object},
		{name: "Subobject", description: "Part of the object.", priority: 1, cell: at(e.involved, "fieldPath")},
		{name: "Source", description: "Component that reports the event.", priority: 1, cell: e.component},
		{name: "Message", description: "Description of the event.", cell: e.text},
		{name: "First Seen", description: "Time since the first occurrence.", priority: 1, cell: e.firstSeen},
		{name: "Count", description: "Number of occurrences.", priority: 1, cell: e.number},
		name,
	}
}

// eventFields are the names of fields that differ between the versions of Events.
type eventFields struct{ involved, source, message, first, last, count, controller string }

func (e eventFields) firstSeen(object map[string]any, o Options) any {
	if first := tree.String(object, e.first); first != "" {
		return since(o.Now, first)
	}
	return since(o.Now, tree.String(object, "eventTime"))
}

func (e eventFields) lastSeen(object map[string]any, o Options) any {
	if tree.Has(object, "series") {
		return since(o.Now, tree.String(object, "series", "lastObservedTime"))
	}
	if last := tree.String(object, e.last); last != "" {
		return since(o.Now, last)
	}
	return e.firstSeen(object, o)
}

func (e eventFields) object(object map[string]any, _ Options) any {
	kind, name := strings.ToLower(tree.String(object, e.involved, "kind")), tree.String(object, e.involved, "name")
	if name == "" {
		return kind
	}
	return kind + "/" + name
}

func (e eventFields) component(object map[string]any, _ Options) any {
	component, instance := tree.String(object, e.source, "component"), tree.String(object, e.source, "host")
	if component == "" {
		component = tree.String(object, e.controller)
	}
	if instance == "" {
		instance = tree.String(object, "reportingInstance")
	}
	if instance == "" {
		return component
	}
	return component + ", " + instance
}

func (e eventFields) text(object map[string]any, _ Options) any {
	return strings.TrimSpace(tree.String(object, e.message))
}

func (e eventFields) number(object map[string]any, _ Options) any {
	if tree.Has(object, "series") {
		return tree.Int(object, "series", "count")
	}
	return max(1, tree.Int(object, e.count))
}
