package board

import (
	"context"
	"errors"
	"sync"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
)

const (
	pageSize  = 1000                   // leases of one listing
	readEvery = 250 * time.Millisecond // how often leases that have changed are read
	readMost  = 5                      // of them, each time
	pageEvery = 2 * time.Second        // how often one page of the listing is read, in turn
	retryTime = time.Second            // pause after a failed read
)

// A Feed keeps a board current. It lists all leases once, and then follows their changes with a watch. Because renewals
// and queues cause no events, it also reads one page of the listing every two seconds, and the leases that have changed,
// at most 20 in a second.
type Feed struct {
	Client *lockd.Client
	Prefix string // of the names
	Board  *Board

	mu      sync.Mutex
	visible []string // leases on the screen, which are read more often if there are many leases
	loaded  bool     // all leases were read once
}

// Show makes the feed read these leases every two seconds.
func (f *Feed) Show(states []lockd.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.visible = f.visible[:0]
	for _, s := range states {
		f.visible = append(f.visible, s.Name)
	}
}

// Loaded reports whether all leases were read once.
func (f *Feed) Loaded() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.loaded
}

// Run returns when ctx ends, or if the first listing or the watch is refused.
func (f *Feed) Run(ctx context.Context) error {
	for {
		revision, err := f.Load(ctx)
		if err != nil {
			return err
		}
		if err := f.follow(ctx, revision); !errors.As(err, new(*lockd.GoneError)) {
			return err
		}
		f.Board.reset() // the watch was too slow, and has missed events
	}
}

// Load reads all leases once, and returns the revision after which changes are missing.
func (f *Feed) Load(ctx context.Context) (revision uint64, err error) {
	for cursor, read := "", 0; ; {
		page, err := f.page(ctx, cursor)
		if err != nil {
			return 0, err
		}
		if cursor == "" {
			revision = page.Revision
		}
		read += len(page.Leases)
		if cursor = page.Next; cursor == "" || read >= MaxLeases+pageSize {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.loaded = true
			return revision, nil
		}
	}
}

// page reads a page of the listing.
func (f *Feed) page(ctx context.Context, cursor string) (*lockd.Page, error) {
	page, err := f.Client.List(ctx, lockd.ListOptions{Prefix: f.Prefix, Limit: pageSize, Cursor: cursor})
	if err == nil {
		f.Board.put(page.Revision, page.Leases...)
	}
	return page, err
}

// follow applies events, and reads leases meanwhile.
func (f *Feed) follow(ctx context.Context, revision uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	var reads sync.WaitGroup
	reads.Go(func() { f.read(ctx) })
	defer reads.Wait()
	defer cancel()
	for e, err := range f.Client.Watch(ctx, lockd.WatchOptions{Prefix: f.Prefix, After: revision}) {
		switch {
		case err != nil:
			return err
		case e.Type == lockd.EventState && e.Lease != nil: // only if the cluster has no revision yet
			f.Board.put(e.Revision, *e.Lease)
		case e.Name != "":
			f.Board.apply(e)
		}
	}
	return ctx.Err()
}

// read reads leases until ctx ends.
func (f *Feed) read(ctx context.Context) {
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	cursor, at := "", time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		names := f.Board.takeChanged(readMost)
		var err error
		if time.Since(at) >= pageEvery {
			var more []string
			cursor, more, err = f.nextPage(ctx, cursor)
			names, at = append(names, more...), time.Now()
		}
		if err == nil {
			err = f.getAll(ctx, names)
		}
		f.Board.setTrouble(err)
		if err != nil && !console.Pause(ctx, retryTime) {
			return
		}
	}
}

// nextPage reads a page of the listing, and returns the cursor of the next one and the leases on the screen that may not
// be on the page. After a failure the cursor is the same.
func (f *Feed) nextPage(ctx context.Context, cursor string) (next string, others []string, err error) {
	page, err := f.page(ctx, cursor)
	switch {
	case err != nil:
		return cursor, nil, err
	case page.Next == "" && cursor == "":
		return "", nil, nil // the page is the whole list
	}
	return page.Next, f.shown(), nil
}

func (f *Feed) shown() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.visible...)
}

// getAll reads some leases, one after the other.
func (f *Feed) getAll(ctx context.Context, names []string) error {
	for _, name := range names {
		s, err := f.Client.Get(ctx, name)
		if err != nil {
			return err
		}
		f.Board.put(s.Revision, *s)
	}
	return nil
}
