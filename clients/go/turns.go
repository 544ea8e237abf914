package lockd

import (
	"context"
	"sync"
	"time"
)

// turns lets the goroutines of one Client that would share one hold take it one
// after the other: to the cluster one session is one holder.
type turns struct {
	// mu guards taken.
	mu    sync.Mutex
	taken map[turn]chan struct{} // closed when the turn ends
}

type turn struct {
	name, session string
}

// take waits for the turn and returns how to end it.
func (t *turns) take(ctx context.Context, want turn, wait time.Duration) (leave func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, wait, &Error{Type: TypeHeld, Status: 409, Definitive: true,
		Detail: want.name + " is held by this client"})
	defer cancel()
	for {
		busy := t.try(want)
		if busy == nil {
			return func() { t.leave(want) }, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// try takes the turn, or returns what closes when it is worth another try.
func (t *turns) try(want turn) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if busy := t.taken[want]; busy != nil {
		return busy
	}
	if t.taken == nil {
		t.taken = make(map[turn]chan struct{})
	}
	t.taken[want] = make(chan struct{})
	return nil
}

func (t *turns) leave(done turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.taken[done])
	delete(t.taken, done)
}
