package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/lockd/lockd/internal/api/listener"
	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
)

// pollBody answers a long-poll with the events and the value of after for the next request.
type pollBody struct {
	Events   []*view.Event `json:"events"`
	Revision uint64        `json:"revision"`
}

// poll answers with the first events, or with none when wait is over.
func (c *call) poll(ctx context.Context, f *feed, wait time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	notices, err := f.next(ctx)
	if c.gone() && !c.closing() {
		c.silent = true
		return
	}
	if k := c.revoked.Load(); k != nil {
		refuseAccess(c, *k)
		return
	}
	if err != nil {
		c.watchFailed(err)
		return
	}
	if f.state != nil {
		c.pollState(ctx, f, notices)
		return
	}
	b := pollBody{Events: []*view.Event{}, Revision: f.after}
	for _, n := range notices {
		if e := n.body(); isPolled(e) {
			b.Events = append(b.Events, e)
		}
	}
	c.json(http.StatusOK, f.after, b)
}

// isPolled reports whether an event is part of the answer to a long-poll. A mark and synced are not: the answer has the
// revision.
func isPolled(e *view.Event) bool { return e.Type != "mark" && e.Type != "synced" }

// pollState answers with a state of several pages. It has one page in memory at a time.
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
				out.write(bytes.TrimSuffix(view.Marshal(e), []byte("\n")))
				separator = ","
			}
		}
		if f.state == nil || out.err != nil {
			break
		}
		notices, _ = f.next(ctx) // pages of the state are returned without a wait
	}
	out.write(fmt.Appendf(nil, "],\"revision\":%d}\n", f.after))
}

// streamEvents sends events when they happen, until the client or the server ends the stream. The first call of next
// decides whether the answer is a stream or an error.
func (c *call) streamEvents(ctx context.Context, f *feed) {
	now, cancel := context.WithTimeout(ctx, 0)
	notices, err := f.next(now)
	cancel()
	if err != nil {
		c.watchFailed(err)
		return
	}
	c.stream = true
	listener.BoundStream(c.r.Context())
	h := c.Header()
	h["Content-Type"] = []string{"text/event-stream"}
	h["X-Accel-Buffering"] = []string{"no"}
	c.WriteHeader(http.StatusOK)
	frames := frames{c: c}
	if f.state != nil {
		frames.pace = c.newPace()
	}
	frames.write([]byte("retry: 1000\n\n"))
	// When the stream ends, it reads once more, so that it has sent all events and a last mark from which to resume.
	for last := false; frames.send(notices) && err == nil; {
		if last && isMark(notices) || f.state != nil && ctx.Err() != nil {
			return
		}
		if f.state == nil {
			frames.pace = nil
		}
		last = ctx.Err() != nil
		wait, cancel := context.WithTimeout(ctx, c.s.cfg.MarkInterval)
		notices, err = f.next(wait)
		cancel()
	}
}

func isMark(notices []notice) bool {
	last := notices[len(notices)-1]
	return last.event == nil && last.info.Type == "mark"
}

// watchFailed answers a watch that failed, with the available revisions if the error is *fsm.Gone.
func (c *call) watchFailed(err error) {
	gone, ok := errors.AsType[*fsm.Gone](err)
	if !ok {
		c.fail(kindOfRead(err))
		return
	}
	p := c.problem(kindGone)
	p.Kept = &view.Kept{Oldest: gone.Oldest, Current: gone.Current}
	c.refuse(p)
}

// frames writes server-sent events. Each write has its own deadline, so that a client that does not read is
// disconnected, and a long state can take longer than one deadline.
type frames struct {
	c    *call
	pace *pace // not nil while the state is sent
	err  error
}

func (f *frames) send(notices []notice) bool {
	for _, n := range notices {
		if n.event != nil {
			f.write(f.c.s.frames.Of(n.event))
		} else {
			f.write(view.Frame(n.info))
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

// minStateRate is the minimum rate at which a client must read a state, in bytes per second, after one WriteTimeout.
const minStateRate = 256 << 10

// pace computes write deadlines for a client that reads a state. A client that reads slower than minStateRate exceeds
// them, even if each of its writes is short.
type pace struct {
	begun time.Time
	grace time.Duration
	sent  int
}

// until returns the deadline of the next write.
func (p *pace) until() time.Time {
	return p.begun.Add(p.grace + time.Duration(p.sent)*time.Second/minStateRate)
}

func (c *call) newPace() *pace { return &pace{begun: time.Now(), grace: c.s.cfg.WriteTimeout} }
