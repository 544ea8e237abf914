// Package listing reads pages of leases and of events, within what a caller may read.
package listing

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/lease"
)

// Query reads which page of leases a request asks for. The default is the size of a page.
func Query(q *form.Query, size uint64) fsm.Query {
	order := slices.Index(lease.Orders(), cmp.Or(q.OneOf("order", lease.Orders()), lease.Orders()[0]))
	return fsm.Query{
		Kind: fsm.QueryList, After: q.NamePart("cursor"),
		Limit: int(q.Integer("limit", size, 1, fsm.MaxListed)), //nolint:gosec // at most fsm.MaxListed
		Selection: fsm.Selection{
			Prefix: q.NamePart("prefix"), Holder: q.Holder("holder"), Principal: q.Holder("principal"),
			State: stateNamed(q.OneOf("state", stateNames())), Waited: q.Bool("waited"),
			Order: lease.Order(max(order, 0)), //nolint:gosec // an index of Orders
		},
	}
}

// stateNames returns the states that a listed lease can have.
func stateNames() []string {
	return []string{fsm.StateHeld.String(), fsm.StateDelayed.String(), fsm.StateBreaking.String()}
}

func stateNamed(name string) fsm.State {
	for _, s := range []fsm.State{fsm.StateHeld, fsm.StateDelayed, fsm.StateBreaking} {
		if s.String() == name {
			return s
		}
	}
	return 0
}

// Leases returns a page of the leases within the spans of names that a caller may read. It reads only within these, so
// that neither the page nor its cursor contains the name of another lease. If a read fails, it returns false.
func Leases(read func(fsm.Query) (fsm.Answer, bool), q fsm.Query, spans []access.Span) (page fsm.Answer, ok bool) {
	if q.Order != lease.ByName && q.After != "" {
		spans, q.After = nil, "" // another order has one page, and nothing is after it
	}
	if len(spans) == 0 {
		spans = []access.Span{{Prefix: noName}} // for the revision
	}
	limit := q.Limit
	for _, span := range spans {
		if isPast(q.After, span) {
			continue
		}
		if q.Order == lease.ByName {
			q.Limit = limit - len(page.Views)
		}
		a, ok := leasesIn(read, q, span)
		if !ok {
			return page, false
		}
		if page.Revision == 0 {
			page.Revision = a.Revision // of the first one: a watch from it misses nothing
		}
		page.Views = append(page.Views, a.Views...)
		if q.Order == lease.ByName && (len(page.Views) == limit || a.Next != "") {
			page.Next = lastName(page.Views)
			break
		}
	}
	if q.Order != lease.ByName {
		slices.SortFunc(page.Views, func(a, b *fsm.View) int { return q.Order.Compare(a.Lease, b.Lease) })
		page.Views = page.Views[:min(limit, len(page.Views))]
	}
	return page, true
}

// leasesIn reads a page of the leases in one span.
func leasesIn(read func(fsm.Query) (fsm.Answer, bool), q fsm.Query, span access.Span) (page fsm.Answer, ok bool) {
	q.Prefix = span.Prefix
	if span.Whole {
		q.Limit, q.Order = 1, lease.ByName // if a lease has exactly the prefix as its name, it is the first one
	}
	page, ok = read(q)
	if ok && span.Whole {
		page.Next = ""
		if len(page.Views) == 1 && page.Views[0].Lease.Name != span.Prefix {
			page.Views = nil
		}
	}
	return page, ok
}

// isPast reports whether all names of a span are before a cursor or equal to it. An empty cursor is before all names.
func isPast(cursor string, span access.Span) bool {
	return cursor != "" && cursor >= span.Prefix && (span.Whole || !strings.HasPrefix(cursor, span.Prefix))
}

// lastName returns the name of the last lease of a page, or "".
func lastName(views []*fsm.View) string {
	if len(views) == 0 {
		return ""
	}
	return views[len(views)-1].Lease.Name
}

// noName is a prefix that no lease has.
const noName = "\x00"
