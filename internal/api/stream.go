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
	s := streaming{feed: f, frames: frames{c: c}, notices: notices}
	if f.InState() {
		s.frames.pace = newPace(c)
	}
	s.frames.write([]byte("retry: 1000\n\n"))
	for s.untilMark(ctx) {
	}
}

// streaming is a stream that has begun.
type streaming struct {
	feed    *feed.Feed
	frames  frames
	notices []feed.Notice // that are to be sent
	last    bool          // the stream ends with the next mark
	err     error         // of the feed, after notices
}

// untilMark sends events until the next mark is due, and reports whether the stream continues. It has one timer for all
// of them: one for each event would cost more than the event.
//
// When the stream ends, it reads once more, so that it has sent all events and a last mark from which to resume.
func (s *streaming) untilMark(ctx context.Context) (more bool) {
	c, f := s.frames.c, s.feed
	wait, cancel := context.WithTimeout(ctx, c.s.cfg.MarkInterval)
	defer cancel()
	for c.revoked.Load() == nil && s.frames.send(s.notices) && s.err == nil {
		if s.last && isMark(s.notices) || f.InState() && ctx.Err() != nil {
			return false
		}
		if !f.InState() {
			s.frames.pace = nil
		}
		s.last = ctx.Err() != nil
		if s.notices, s.err = f.Next(wait); wait.Err() != nil {
			return true
		}
	}
	return false
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
