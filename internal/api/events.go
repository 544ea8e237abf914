package api

import (
	"net/http"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/listing"
	"github.com/lockd/lockd/internal/api/view"
)

// eventsBody answers with a page of events, newest first.
type eventsBody struct {
	Events   []*view.Event `json:"events"`
	Next     uint64        `json:"next,omitempty"`
	Revision uint64        `json:"revision"`
}

// listEvents answers with the newest events that this node has in memory.
func listEvents(c *call) {
	q := &c.query
	before, limit := listing.Before(q, DefaultListed)
	match := listing.Events(q, c.readable)
	if c.misread() || !allow(c, access.Read) {
		return
	}
	leave, ok := c.scan()
	if !ok {
		return
	}
	defer leave()
	events, next := c.s.cfg.Events.Before(before, match, limit)
	b := eventsBody{Events: []*view.Event{}, Next: next, Revision: c.s.cfg.Cluster.Here().Revision}
	for _, e := range events {
		b.Events = append(b.Events, view.NewEvent(e))
	}
	c.json(http.StatusOK, b.Revision, b)
}
