package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// pollBody answers a long-poll: what happened, and the next request's after.
type pollBody struct {
	Events   []*eventBody `json:"events"`
	Revision uint64       `json:"revision"`
}

// poll answers with the first that there is to tell.
func (c *call) poll(ctx context.Context, f *feed, wait time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	notices, err := f.next(ctx)
	if c.gone() && !c.closing() {
		c.silent = true
		return
	}
	if err != nil {
		c.isGone(err)
		return
	}
	b := pollBody{Events: []*eventBody{}, Revision: f.after}
	for _, n := range notices {
		if e := n.body(); e.Type != "mark" && e.Type != "synced" { // revision says the same
			b.Events = append(b.Events, e)
		}
	}
	c.json(http.StatusOK, f.after, b)
}

// streamEvents sends what there is to tell, as it comes, until the client or
// the server ends it. The first look decides whether there is a stream at all.
func (c *call) streamEvents(ctx context.Context, f *feed) {
	now, cancel := context.WithTimeout(ctx, 0)
	notices, err := f.next(now)
	cancel()
	if err != nil {
		c.isGone(err)
		return
	}
	c.stream = true
	h := c.Header()
	h["Content-Type"] = []string{"text/event-stream"}
	h["X-Accel-Buffering"] = []string{"no"}
	c.WriteHeader(http.StatusOK)
	frames := frames{c: c}
	frames.write([]byte("retry: 1000\n\n"))
	// A stream that ends looks once more: it has then told all that there was, and
	// where to go on from.
	for last := false; frames.send(notices) && err == nil; {
		if last && isMark(notices) {
			return
		}
		last = ctx.Err() != nil
		turn, cancel := context.WithTimeout(ctx, c.s.cfg.MarkInterval)
		notices, err = f.next(turn)
		cancel()
	}
}

func isMark(notices []notice) bool {
	last := notices[len(notices)-1]
	return last.event == nil && last.word.Type == "mark"
}

// isGone answers a watch from before what is kept.
func (c *call) isGone(err error) {
	gone, ok := errors.AsType[*fsm.Gone](err)
	if !ok {
		c.fail(kindOfRead(err))
		return
	}
	p := c.problem(kindGone)
	p.Oldest, p.Current = &gone.Oldest, &gone.Current
	c.refuse(p)
}

// frames writes server-sent events. Each write has its own deadline, so that a
// reader that does not read is cut, and a long state does not need to fit one.
type frames struct {
	c   *call
	err error
}

func (f *frames) send(notices []notice) bool {
	for _, n := range notices {
		if n.event != nil {
			f.write(f.c.s.frames.of(n.event))
		} else {
			f.write(frame(n.word))
		}
	}
	if f.err == nil {
		f.err = f.c.control().Flush()
	}
	return f.err == nil
}

func (f *frames) write(b []byte) {
	if f.err != nil {
		return
	}
	f.c.extendWrite()
	_, f.err = f.c.Write(b)
}
