package board

import (
	"context"
	"errors"
	"sync"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
)

// Changes reports the state of each lease, and again after each change, until ctx ends or report returns an error. A
// lease that changes repeatedly before it is read is reported once. Renewals and changes of a queue are not reported,
// because they cause no events. If the watch has missed changes, all leases are reported again.
func Changes(ctx context.Context, client *lockd.Client, prefix string, report func(lockd.State) error) error {
	for {
		err := reportChanges(ctx, client, prefix, report)
		switch {
		case ctx.Err() != nil:
			return nil
		case !errors.As(err, new(*lockd.GoneError)):
			return err
		}
	}
}

func reportChanges(parent context.Context, client *lockd.Client, prefix string, report func(lockd.State) error) error {
	revision, err := reportAll(parent, client, prefix, report)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(parent)
	pending := newPending()
	var watch sync.WaitGroup
	watch.Go(func() { cancel(followInto(ctx, client, lockd.WatchOptions{Prefix: prefix, After: revision}, pending)) })
	defer watch.Wait()
	defer cancel(nil)
	for {
		name, ok := pending.next(ctx)
		if !ok {
			return context.Cause(ctx)
		}
		s, err := get(ctx, client, name)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			err = report(*s)
		}
		if err != nil {
			return err
		}
	}
}

// get reads a lease, and waits while no node answers.
func get(ctx context.Context, client *lockd.Client, name string) (*lockd.State, error) {
	for {
		s, err := client.Get(ctx, name)
		if !errors.Is(err, lockd.ErrUnavailable) && !errors.As(err, new(*lockd.UnknownError)) || !console.Pause(ctx, retryTime) {
			return s, err
		}
	}
}

// reportAll reports all leases, page by page, and returns the revision of the first page.
func reportAll(ctx context.Context, client *lockd.Client, prefix string, report func(lockd.State) error) (revision uint64, err error) {
	for cursor := ""; ; {
		page, err := client.List(ctx, lockd.ListOptions{Prefix: prefix, Limit: pageSize, Cursor: cursor})
		if err != nil {
			return 0, err
		}
		for _, s := range page.Leases {
			if err := report(s); err != nil {
				return 0, err
			}
		}
		if cursor == "" {
			revision = page.Revision
		}
		if cursor = page.Next; cursor == "" {
			return revision, nil
		}
	}
}

// followInto adds the names of the leases that change.
func followInto(ctx context.Context, client *lockd.Client, opts lockd.WatchOptions, pending *pending) error {
	for e, err := range client.Watch(ctx, opts) {
		if err != nil {
			return err
		}
		if e.Name != "" && !pending.add(ctx, e.Name) {
			break
		}
	}
	return context.Cause(ctx)
}

// A pending is a queue of at most MaxLeases names, each of which is in it once.
type pending struct {
	mu    sync.Mutex
	in    map[string]bool
	names chan string
}

func newPending() *pending {
	return &pending{in: make(map[string]bool), names: make(chan string, MaxLeases)}
}

// add adds a name, and waits while the queue is full. It returns false if ctx ends before.
func (p *pending) add(ctx context.Context, name string) bool {
	p.mu.Lock()
	known := p.in[name]
	p.in[name] = true
	p.mu.Unlock()
	if known {
		return true
	}
	select {
	case p.names <- name:
		return true
	case <-ctx.Done():
		return false
	}
}

// next removes the first name, and waits for it. It returns false if ctx ends before.
func (p *pending) next(ctx context.Context) (name string, ok bool) {
	select {
	case name = <-p.names:
	case <-ctx.Done():
		return "", false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.in, name) // before the read, so that a change during it is not lost
	return name, true
}
