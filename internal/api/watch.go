package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/feed"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
)

// watch answers with events: as a stream if the client accepts one, otherwise as one answer.
func watch(c *call) {
	f, ok := newFeed(c)
	if !ok {
		return
	}
	wait := c.query.Integer("wait_ms", DefaultPollWait, 0, uint64(fsm.MaxWait))
	if c.misread() {
		return
	}
	quotas, _ := c.s.cfg.Access.Quotas()
	leave, ok := c.s.watching.Enter(quotas, f.Name, f.Prefix)
	if !ok {
		c.fail(problems.Quota)
		return
	}
	defer leave()
	done, err := c.s.cfg.Events.Join()
	if err != nil {
		p := c.problem(problems.RateLimited)
		p.Detail = "Nothing was applied. This node has reached its limit of watchers (--max-watchers). Watch at another node, or try again later from the same revision."
		c.refuse(p)
		return
	}
	defer done()
	c.s.metrics.Watchers.Inc()
	defer c.s.metrics.Watchers.Dec()

	ctx, cancel := long(c.r.Context(), c, c.caller.names...)
	defer cancel()
	defer context.AfterFunc(c.s.closing, cancel)()
	if !enterState(ctx, c, f) {
		return
	}
	defer f.Leave()
	if strings.Contains(c.r.Header.Get("Accept"), "text/event-stream") && c.r.Method != http.MethodHead {
		stream(ctx, c, f)
		return
	}
	if c.r.Method == http.MethodHead { // net/http sends no body, so make none
		f.Fresh, wait = false, 0
	}
	poll(ctx, c, f, time.Duration(wait)*time.Millisecond)
}

// newFeed returns the feed for the request's parameters. Last-Event-ID takes precedence over after, because a browser
// that reconnects repeats its first URL. If a parameter is invalid, it sends the answer and returns false.
func newFeed(c *call) (*feed.Feed, bool) {
	q := &c.query
	f := &feed.Feed{Events: c.s.cfg.Events, Prefix: q.NamePart("prefix"), Name: q.Name("name")}
	f.After, f.Fresh = q.Integer("after", 0, 0, fsm.MaxSafeInteger), !q.Has("after")
	if ids := c.r.Header.Values("Last-Event-ID"); len(ids) > 0 {
		f.After, f.Fresh = q.Number("Last-Event-ID", ids[0], 0, fsm.MaxSafeInteger), false
	}
	if c.misread() {
		return nil, false
	}
	var names []string
	if f.Name != "" {
		names = []string{f.Name}
	}
	if !allow(c, access.Read, names...) {
		return nil, false
	}
	f.Visible = func(name string) bool { return c.caller.sees(access.Read, name) }
	return f, true
}

// enterState waits for a place for sending the state, if the feed begins with the state of more than one lease. If
// there is no place in time, it sends the answer and returns false.
func enterState(ctx context.Context, c *call, f *feed.Feed) bool {
	f.Leave = func() {}
	if !f.Fresh || f.Name != "" {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, c.s.cfg.RequestTimeout)
	defer cancel()
	leave, ok := c.s.limits.States.Enter(ctx, host(c.r.RemoteAddr))
	if !ok {
		c.statesReached()
		return false
	}
	f.Leave = leave
	return true
}

// statesReached answers a request that reads the whole state while too many others do.
func (c *call) statesReached() {
	p := c.problem(problems.RateLimited)
	p.Detail = "Nothing was applied. This node has reached its limit of requests that read the whole state at once. Try again later, or watch from a revision."
	c.refuse(p)
}

// watchFailed answers a watch that failed, with the available revisions if the error is *fsm.Gone.
func watchFailed(c *call, err error) {
	gone, ok := errors.AsType[*fsm.Gone](err)
	if !ok {
		c.fail(problems.OfRead(err))
		return
	}
	p := c.problem(problems.Gone)
	p.Kept = &view.Kept{Oldest: gone.Oldest, Current: gone.Current}
	c.refuse(p)
}
