package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
)

// read passes a query to the node. If that fails, it sends the answer and returns false.
func (c *call) read(q fsm.Query) (a fsm.Answer, ok bool) {
	stale := c.query.Bool("stale")
	if c.misread() || q.Kind != fsm.QueryList && !allow(c, access.Read, q.Name) {
		return a, false
	}
	if c.caller.mode != access.Off {
		q.Caller = c.caller.Caller
	}
	ctx, cancel := c.deadline(0)
	defer cancel()
	a, err := c.s.cfg.Leases.Query(ctx, q, stale)
	if c.failed(err, problems.OfRead) {
		return a, false
	}
	if a.Outcome != access.Done {
		refusedByTable(c, a.Outcome)
		return a, false
	}
	if stale && a.Age >= 0 {
		c.Header()["Lockd-Stale-Ms"] = []string{strconv.FormatInt(int64(a.Age), 10)}
	}
	return a, true
}

func getLease(c *call) {
	name, ok := c.name()
	if !ok {
		return
	}
	if a, ok := c.read(fsm.Query{Kind: fsm.QueryLease, Name: name}); ok {
		c.json(http.StatusOK, a.Revision, view.NewLease(a.Views[0], fsm.MaxLimit))
	}
}

// checkBody answers a check: the token is current.
type checkBody struct {
	Name     string `json:"name"`
	Token    uint64 `json:"token"`
	Holder   string `json:"holder"`
	Slot     int    `json:"slot"`
	Revision uint64 `json:"revision"`
}

func checkToken(c *call) {
	name, ok := c.name()
	if !ok {
		return
	}
	token := c.query.Integer("token", 0, 1, fsm.MaxSafeInteger)
	if c.misread() {
		return
	}
	if token == 0 {
		c.wrong("token", "is required")
		return
	}
	a, ok := c.read(fsm.Query{Kind: fsm.QueryLease, Name: name})
	if !ok {
		return
	}
	h, k := a.Views[0].Lease.HoldBy(token), problems.StaleToken
	if h != nil && h.Break != nil {
		k = problems.Broken
	} else if h != nil {
		c.json(http.StatusOK, a.Revision, checkBody{
			Name: name, Token: token, Holder: h.Holder, Slot: h.Slot, Revision: a.Revision,
		})
		return
	}
	p := c.problem(k)
	p.Lease = view.NewLease(a.Views[0], fsm.MaxShown)
	c.revision = a.Revision
	c.refuse(p)
}

// historyBody answers with the newest events of a lease, newest first.
type historyBody struct {
	Name     string        `json:"name"`
	Events   []*view.Event `json:"events"`
	Revision uint64        `json:"revision"`
}

func getHistory(c *call) {
	name, ok := c.name()
	if !ok {
		return
	}
	a, ok := c.read(fsm.Query{Kind: fsm.QueryHistory, Name: name})
	if !ok {
		return
	}
	b := historyBody{Name: name, Events: []*view.Event{}, Revision: a.Revision}
	for _, e := range a.Events {
		b.Events = append(b.Events, view.NewEvent(e))
	}
	c.json(http.StatusOK, a.Revision, b)
}

// listBody answers with a page of leases, sorted by name.
type listBody struct {
	Leases   []*view.Lease `json:"leases"`
	Next     string        `json:"next,omitempty"`
	Revision uint64        `json:"revision"`
}

func listLeases(c *call) {
	q := fsm.Query{
		Kind: fsm.QueryList, Prefix: c.query.NamePart("prefix"), After: c.query.NamePart("cursor"), Holder: c.query.Holder("holder"),
	}
	limit := c.query.Integer("limit", DefaultListed, 1, fsm.MaxListed)
	if c.misread() {
		return
	}
	q.Limit = int(limit) //nolint:gosec // at most fsm.MaxListed
	a, ok := list(c, q)
	if !ok {
		return
	}
	b := listBody{Leases: []*view.Lease{}, Next: a.Next, Revision: a.Revision}
	for _, v := range a.Views {
		b.Leases = append(b.Leases, view.NewLease(v, fsm.MaxLimit))
	}
	c.json(http.StatusOK, a.Revision, b)
}

// list returns a page of the leases that the caller may read. It reads only within the caller's scopes, so that neither
// the page nor its cursor contains the name of another lease.
func list(c *call, q fsm.Query) (page fsm.Answer, ok bool) {
	spans := []access.Span{{Prefix: q.Prefix}}
	if !c.caller.open {
		spans = c.caller.Rules.Spans(access.Read, q.Prefix)
	}
	if len(spans) == 0 {
		spans = []access.Span{{Prefix: noName}} // for the revision
	}
	limit := q.Limit
	for _, span := range spans {
		if isPast(q.After, span) {
			continue
		}
		q.Limit = limit - len(page.Views)
		a, ok := listSpan(c, q, span)
		if !ok {
			return page, false
		}
		if page.Revision == 0 {
			page.Revision = a.Revision // of the first one: a watch from it misses nothing
		}
		page.Views = append(page.Views, a.Views...)
		if len(page.Views) == limit || a.Next != "" {
			page.Next = lastName(page.Views)
			break
		}
	}
	return page, true
}

// listSpan reads a page of the leases in one span.
func listSpan(c *call, q fsm.Query, span access.Span) (page fsm.Answer, ok bool) {
	q.Prefix = span.Prefix
	if span.Whole {
		q.Limit = 1 // if a lease has exactly the prefix as its name, it is the first one
	}
	page, ok = c.read(q)
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
