package api

import (
	"context"
	"net/http"
	"time"

	"github.com/lockd/lockd/internal/api/feed"
	"github.com/lockd/lockd/internal/api/listener"
	"github.com/lockd/lockd/internal/api/view"
)

// stream sends events when they happen, until the client or the server ends the stream. The first call of next
// decides whether the answer is a stream or an error.
func stream(ctx context.Context, c *call, f *feed.Feed) {
	now, cancel := context.WithTimeout(ctx, 0)
	notices, err := f.Next(now)
	cancel()
	if err != nil {
		watchFailed(c, err)
		return
	}
	c.stream = true
	listener.BoundStream(c.r.Context())
	h := c.Header()
	h["Content-Type"] = []string{"text/event-stream"}
	h["X-Accel-Buffering"] = []string{"no"}
	c.WriteHeader(http.StatusOK)
	frames := frames{c: c}
	if f.InState() {
		frames.pace = newPace(c)
	}
	frames.write([]byte("retry: 1000\n\n"))
	// When the stream ends, it reads once more, so that it has sent all events and a last mark from which to resume.
	for last := false; c.revoked.Load() == nil && frames.send(notices) && err == nil; {
		if last && isMark(notices) || f.InState() && ctx.Err() != nil {
			return
		}
		if !f.InState() {
			frames.pace = nil
		}
		last = ctx.Err() != nil
		wait, cancel := context.WithTimeout(ctx, c.s.cfg.MarkInterval)
		notices, err = f.Next(wait)
		cancel()
	}
}

func isMark(notices []feed.Notice) bool {
	last := notices[len(notices)-1]
	return last.Event == nil && last.Info.Type == "mark"
}

// frames writes server-sent events. Each write has its own deadline, so that a client that does not read is
// disconnected, and a long state can take longer than one deadline.
type frames struct {
	c    *call
	pace *pace // not nil while the state is sent
	err  error
}

func (f *frames) send(notices []feed.Notice) bool {
	for _, n := range notices {
		if n.Event != nil {
			f.write(f.c.s.frames.Of(n.Event))
		} else {
			f.write(view.Frame(n.Info))
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

// newPace returns the pace for a state that begins now.
func newPace(c *call) *pace { return &pace{begun: time.Now(), grace: c.s.cfg.WriteTimeout} }

// until returns the deadline of the next write.
func (p *pace) until() time.Time {
	return p.begun.Add(p.grace + time.Duration(p.sent)*time.Second/minStateRate)
}
