package listing

import (
	"net"
	"slices"
	"strings"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/audit"
)

// Audit returns whether a record of the audit log matches the parameters of a request. An actor is a principal, the id
// of a token, or an address with or without its port.
func Audit(q *form.Query) func(*audit.Record) bool {
	actor, action, name := q.Holder("actor"), q.NamePart("action"), q.Name("name")
	decision := q.OneOf("decision", []string{audit.Allow, audit.Deny})
	since, until := q.Time("since"), q.Time("until")
	return func(r *audit.Record) bool {
		at := r.Time.UnixMilli()
		return (actor == "" || isActor(r, actor)) && strings.HasPrefix(r.Action, action) &&
			(name == "" || slices.Contains(r.Names, name)) && (decision == "" || r.Decision == decision) &&
			(since == 0 || at >= since) && (until == 0 || at < until)
	}
}

func isActor(r *audit.Record, actor string) bool {
	if r.Principal == actor || r.TokenID == actor || r.Remote == actor {
		return true
	}
	host, _, err := net.SplitHostPort(r.Remote)
	return err == nil && host == actor
}
