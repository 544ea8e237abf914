package listing

import (
	"strings"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/fsm"
)

// Before reads which page of what is listed newest first a request asks for: what comes before a number, and how much.
func Before(q *form.Query, size uint64) (number uint64, limit int) {
	number = q.Integer("before", fsm.MaxSafeInteger, 1, fsm.MaxSafeInteger)
	return number, int(q.Integer("limit", size, 1, fsm.MaxListed)) //nolint:gosec // at most fsm.MaxListed
}

// Events returns whether an event matches the parameters of a request, and its lease is readable.
func Events(q *form.Query, readable func(name string) bool) func(*fsm.Event) bool {
	name, prefix, actor := q.Name("name"), q.NamePart("prefix"), q.Holder("actor")
	since, until := q.Time("since"), q.Time("until")
	kind := q.OneOf("type", eventTypes())
	return func(e *fsm.Event) bool {
		return (name == "" || e.Name == name) && strings.HasPrefix(e.Name, prefix) &&
			(kind == "" || e.Type.String() == kind) &&
			(actor == "" || e.Holder == actor || e.Requested().By == actor) &&
			(since == 0 || e.Wall >= since) && (until == 0 || e.Wall < until) &&
			readable(e.Name)
	}
}

func eventTypes() (names []string) {
	for _, t := range fsm.EventTypes() {
		names = append(names, t.String())
	}
	return names
}
