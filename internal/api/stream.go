package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	if f.state != nil {
		c.pollState(ctx, f, notices)
		return
	}
	b := pollBody{Events: []*eventBody{}, Revision: f.after}
	for _, n := range notices {
		if e := n.body(); isPolled(e) {
			b.Events = append(b.Events, e)
		}
	}
	c.json(http.StatusOK, f.after, b)
}

// isPolled reports whether an event is in the answer to a long-poll: revision says the same as the others.
func isPolled(e *eventBody) bool { return e.Type != "mark" && e.Type != "synced" }

// pollState answers with a state of several pages, of which it makes one at a time.
func (c *call) pollState(ctx context.Context, f *feed, notices []notice) {
	c.revision = f.after
	c.Header()["Content-Type"] = []string{"application/json"}
	out := frames{c: c, pace: c.newPace()}
	out.write([]byte(`{"events":[`))
	separator := ""
	for {
		for _, n := range notices {
			if e := n.body(); isPolled(e) {
				out.write([]byte(separator))
				out.write(bytes.TrimSuffix(marshal(e), []byte("\n")))
				separator = ","
			}
		}
		if f.state == nil || out.err != nil {
			break
		}
		notices, _ = f.next(ctx) // a page of the state waits for nothing
	}
	out.write(fmt.Appendf(nil, "],\"revision\":%d}\n", f.after))
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
	c.boundStream()
	h := c.Header()
	h["Content-Type"] = []string{"text/event-stream"}
	h["X-Accel-Buffering"] = []string{"no"}
	c.WriteHeader(http.StatusOK)
	frames := frames{c: c}
	if f.state != nil {
		frames.pace = c.newPace()
	}
	frames.write([]byte("retry: 1000\n\n"))
	// A stream that ends looks once more: it has then told all that there was, and
	// where to go on from.
	for last := false; frames.send(notices) && err == nil; {
		if last && isMark(notices) || f.state != nil && ctx.Err() != nil {
			return
		}
		if f.state == nil {
			frames.pace = nil
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
	c    *call
	pace *pace // while the state is sent
	err  error
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
	until := time.Now().Add(f.c.s.cfg.WriteTimeout)
	if f.pace != nil {
		if by := f.pace.until(); by.Before(until) {
			until = by
		}
		f.pace.sent += len(b)
	}
	_ = f.c.control().SetWriteDeadline(until)
	_, f.err = f.c.Write(b)
}

func (c *call) newPace() *pace { return &pace{begun: time.Now(), grace: c.s.cfg.WriteTimeout} }
