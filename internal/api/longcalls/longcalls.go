// Package longcalls has the calls that wait or stream. They end when their callers lose the right to them.
package longcalls

import (
	"context"
	"sync"
	"time"

	"github.com/lockd/lockd/internal/api/problems"
)

// Calls are the open calls of a server. They are safe for concurrent use.
type Calls struct {
	mu   sync.Mutex
	open map[*call]struct{}
}

type call struct {
	still func() problems.Kind
	end   func(problems.Kind)
}

// New returns no calls.
func New() *Calls { return &Calls{open: make(map[*call]struct{})} }

// Enter adds a call until leave is called. When still returns a kind of problem, the call may not go on: ended receives
// the kind, and the context of the call ends.
func (l *Calls) Enter(ctx context.Context, still func() problems.Kind, ended func(problems.Kind)) (_ context.Context, leave func()) {
	ctx, cancel := context.WithCancel(ctx)
	c := &call{still: still, end: func(k problems.Kind) { ended(k); cancel() }}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = struct{}{}
	return ctx, func() {
		cancel()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.open, c)
	}
}

// check ends the calls that may not go on.
func (l *Calls) check() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		if k := c.still(); k != "" {
			c.end(k)
		}
	}
}

// expiryPause is how often the credentials of long calls are checked for their expiry.
const expiryPause = time.Second

// Run checks the calls whenever principals or tokens change, and for expiry, until ctx ends. changed returns a channel
// that is closed at the next change.
func (l *Calls) Run(ctx context.Context, changed func() <-chan struct{}) {
	ticker := time.NewTicker(expiryPause)
	defer ticker.Stop()
	for {
		next := changed()
		l.check()
		select {
		case <-ctx.Done():
			return
		case <-next:
		case <-ticker.C:
		}
	}
}
