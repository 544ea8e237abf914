package api

import (
	"net/http"
	"strconv"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/listing"
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
	q := listing.Query(&c.query, DefaultListed)
	if c.misread() {
		return
	}
	if q.Scans() {
		leave, ok := c.scan()
		if !ok {
			return
		}
		defer leave()
	}
	spans := []access.Span{{Prefix: q.Prefix}}
	if !c.caller.open {
		spans = c.caller.Rules.Spans(access.Read, q.Prefix)
	}
	a, ok := listing.Leases(c.read, q, spans)
	if !ok {
		return
	}
	b := listBody{Leases: []*view.Lease{}, Next: a.Next, Revision: a.Revision}
	for _, v := range a.Views {
		b.Leases = append(b.Leases, view.NewLease(v, fsm.MaxLimit))
	}
	c.json(http.StatusOK, a.Revision, b)
}
