package schema

import "github.com/lockd/lockd/internal/kube/tree"

// eventNames are the fields of Events that have other names in events.k8s.io/v1 than in v1.
var eventNames = []struct{ core, events string }{
	{"involvedObject", "regarding"},
	{"message", "note"},
	{"source", "deprecatedSource"},
	{"firstTimestamp", "deprecatedFirstTimestamp"},
	{"lastTimestamp", "deprecatedLastTimestamp"},
	{"count", "deprecatedCount"},
	{"reportingComponent", "reportingController"},
}

// ConvertEvent returns an Event of v1 or events.k8s.io/v1 as one of the other version: both list the same Events. to is
// CoreEvent or Event. The object is not changed.
func ConvertEvent(object map[string]any, to *Schema) map[string]any {
	converted := tree.Clone(object)
	for _, names := range eventNames {
		from, name := names.core, names.events
		if to == CoreEvent {
			from, name = name, from
		}
		if value, ok := converted[from]; ok {
			delete(converted, from)
			converted[name] = value
		}
	}
	converted["kind"], converted["apiVersion"] = to.Kind, to.GroupVersion()
	canonical, _, err := to.Conform(converted)
	if err != nil {
		return converted // the fields of both versions have the same types
	}
	return canonical
}
