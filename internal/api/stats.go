package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/census"
	"github.com/lockd/lockd/internal/api/feed"
	"github.com/lockd/lockd/internal/fsm"
)

// statsBody has the numbers of leases, and of events by the minute.
type statsBody struct {
	Leases   census.Leases   `json:"leases"`
	Minutes  []census.Minute `json:"minutes,omitempty"` // oldest first; only for callers that may read all leases
	Revision uint64          `json:"revision"`
}

// getStats answers with the numbers of leases that the caller may read, as this node knows them.
func getStats(c *call) {
	state, leave, ok := wholeState(c)
	if !ok {
		return
	}
	defer leave()
	b := statsBody{Leases: census.Count(state, c.readable), Revision: state.Revision()}
	if c.caller.sees(access.Read, "") {
		b.Minutes = census.Minutes(c.s.cfg.Events.Activity(time.Now().UnixMilli()))
	}
	c.json(http.StatusOK, b.Revision, b)
}

// holdersBody has the holders with the most leases.
type holdersBody struct {
	Holders  []census.Holder `json:"holders"`
	Count    int             `json:"holder_count"` // of all that match
	Revision uint64          `json:"revision"`
}

// listHolders answers with who holds leases and waits for them, as this node knows it.
func listHolders(c *call) {
	prefix, principal := c.query.Holder("prefix"), c.query.Holder("principal")
	limit := c.query.Integer("limit", DefaultListed, 1, fsm.MaxListed)
	if c.misread() {
		return
	}
	state, leave, ok := wholeState(c)
	if !ok {
		return
	}
	defer leave()
	all := census.Holders(state, c.readable, func(h, p string) bool {
		return strings.HasPrefix(h, prefix) && (principal == "" || p == principal)
	})
	c.json(http.StatusOK, state.Revision(), holdersBody{all[:min(len(all), int(limit))], len(all), state.Revision()}) //nolint:gosec // at most fsm.MaxListed
}

// readable reports whether the caller may read a lease.
func (c *call) readable(name string) bool { return c.caller.sees(access.Read, name) }

// wholeState returns the leases that this node has, until leave is called. If it cannot, it sends the answer and returns
// false.
func wholeState(c *call) (state feed.State, leave func(), ok bool) {
	if !allow(c, access.Read) {
		return nil, nil, false
	}
	if leave, ok = c.scan(); !ok {
		return nil, nil, false
	}
	return c.s.cfg.Events.State("", ""), leave, true
}

// scan waits for a place for a read that looks at all leases or events. If there is none in time, it sends the answer and
// returns false.
func (c *call) scan() (leave func(), ok bool) {
	ctx, cancel := c.deadline(0)
	defer cancel()
	if leave, ok = c.s.limits.Scans.Enter(ctx, host(c.r.RemoteAddr)); !ok {
		c.statesReached()
	}
	return leave, ok
}
