package validate

import (
	"fmt"

	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/tree"
)

// event makes the checks of both versions of Events. Messages name the fields of v1, as those of kube-apiserver do.
func (l *list) event(r resource.Resource, object map[string]any) {
	involved, controller, message := "regarding", "reportingController", "note"
	if r.Group == "" {
		involved, controller, message = "involvedObject", "reportingComponent", "message"
	}
	namespace, of := tree.String(object, "metadata", "namespace"), tree.String(object, involved, "namespace")
	if !tree.Has(object, "eventTime") {
		if namespace != of && (of != "" || namespace != "default") {
			l.invalid("involvedObject.namespace", of, "does not match event.namespace")
		}
		return
	}
	if of == "" && namespace != "default" && namespace != "kube-system" {
		l.invalid("involvedObject.namespace", of, "does not match event.namespace")
	}
	reporter := tree.String(object, controller)
	if reporter == "" {
		l.required(controller, "")
	}
	l.invalidFor(controller, reporter, LabelKey(reporter))
	for _, f := range []struct {
		name, field string
		most        int
		required    bool
	}{
		{"reportingInstance", "reportingInstance", 128, true}, {"action", "action", 128, true},
		{"reason", "reason", 128, true}, {"message", message, 1024, false},
	} {
		text := tree.String(object, f.field)
		if text == "" && f.required {
			l.required(f.name, "")
		}
		if len(text) > f.most {
			l.invalid(f.name, "", fmt.Sprintf("can have at most %d characters", f.most))
		}
	}
}

// newEvent makes the checks of a new events.k8s.io/v1 Event.
func (l *list) newEvent(object map[string]any) {
	l.series(object)
	if !tree.Has(object, "eventTime") {
		l.required("eventTime", "")
	}
	if kind := tree.String(object, "type"); kind != "Normal" && kind != "Warning" {
		l.invalid("type", "", "has invalid value: "+kind)
	}
	for _, f := range []struct{ field, name string }{
		{"deprecatedFirstTimestamp", "firstTimestamp"}, {"deprecatedLastTimestamp", "lastTimestamp"}, {"deprecatedCount", "count"},
	} {
		if tree.Has(object, f.field) {
			l.invalid(f.name, "", "needs to be unset")
		}
	}
	if len(tree.Object(object, "deprecatedSource")) > 0 {
		l.invalid("source", "", "needs to be unset")
	}
}

func (l *list) series(object map[string]any) {
	if !tree.Has(object, "series") {
		return
	}
	if tree.Int(object, "series", "count") < 2 {
		l.invalid("series.count", "", "should be at least 2")
	}
	if !tree.Has(object, "series", "lastObservedTime") {
		l.required("series.lastObservedTime", "")
	}
}

// changedEvent makes the checks of an events.k8s.io/v1 Event that replaces another one: only its series and its
// metadata may change.
func (l *list) changedEvent(object, before map[string]any) {
	if !tree.Equal(object["series"], before["series"]) {
		l.series(object)
	}
	for _, field := range []string{
		"regarding", "reason", "note", "deprecatedSource", "deprecatedFirstTimestamp", "deprecatedLastTimestamp",
		"deprecatedCount", "type", "eventTime", "action", "related", "reportingController", "reportingInstance",
	} {
		l.immutable(object, before, field)
	}
}
