package api

import (
	"net/http"

	"github.com/lockd/lockd/internal/api/explanation"
	"github.com/lockd/lockd/internal/fsm"
)

// sessionHeader has the session that an explanation is for. Unlike the parameter of the URL, proxies do not log it.
const sessionHeader = "Lockd-Session"

// explainLease answers why a lease is not free.
func explainLease(c *call) {
	name, ok := c.name()
	if !ok {
		return
	}
	q := fsm.Query{Kind: fsm.QueryExplain, Name: name, Session: c.query.Session("session", sessionHeader, c.r.Header.Values(sessionHeader))}
	if a, ok := c.read(q); ok {
		c.json(http.StatusOK, a.Revision, explanation.New(&a, q.Session != ""))
	}
}
