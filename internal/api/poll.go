package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/lockd/lockd/internal/api/feed"
	"github.com/lockd/lockd/internal/api/view"
)

// pollBody answers a long-poll with the events and the value of after for the next request.
type pollBody struct {
	Events   []*view.Event `json:"events"`
	Revision uint64        `json:"revision"`
}

// poll answers with the first events, or with none when wait is over.
func poll(ctx context.Context, c *call, f *feed.Feed, wait time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	notices, err := f.Next(ctx)
	if c.gone() && !c.closing() {
		c.silent = true
		return
	}
	if k := c.revoked.Load(); k != nil {
		refuseAccess(c, *k)
		return
	}
	if err != nil {
		watchFailed(c, err)
		return
	}
	if f.InState() {
		pollState(ctx, c, f, notices)
		return
	}
	b := pollBody{Events: []*view.Event{}, Revision: f.After}
	for _, n := range notices {
		if e := n.Body(); isPolled(e) {
			b.Events = append(b.Events, e)
		}
	}
	c.json(http.StatusOK, f.After, b)
}

// isPolled reports whether an event is part of the answer to a long-poll. A mark and synced are not: the answer has the
// revision.
func isPolled(e *view.Event) bool { return e.Type != "mark" && e.Type != "synced" }

// pollState answers with a state of several pages. It has one page in memory at a time.
func pollState(ctx context.Context, c *call, f *feed.Feed, notices []feed.Notice) {
	c.revision = f.After
	c.Header()["Content-Type"] = []string{"application/json"}
	out := frames{c: c, pace: newPace(c)}
	out.write([]byte(`{"events":[`))
	separator := ""
	for {
		for _, n := range notices {
			if e := n.Body(); isPolled(e) {
				out.write([]byte(separator))
				out.write(bytes.TrimSuffix(view.Marshal(e), []byte("\n")))
				separator = ","
			}
		}
		if !f.InState() || out.err != nil {
			break
		}
		notices, _ = f.Next(ctx) // pages of the state are returned without a wait
	}
	out.write(fmt.Appendf(nil, "],\"revision\":%d}\n", f.After))
}
