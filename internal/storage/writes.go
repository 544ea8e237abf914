package storage

import (
	"slices"
	"sync"
	"time"
)

// writes performs the writes to Raft's file: entries, truncations, votes and terms. It
// records when each began, so that one that hangs is noticed.
type writes struct {
	disk func(write func() error) error // nil: none

	mu    sync.Mutex
	began []*time.Time // of those under way, the oldest first
	last  time.Duration
}

func (w *writes) do(write func() error) error {
	now := time.Now()
	w.mu.Lock()
	w.began = append(w.began, &now)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.last = time.Since(now)
		w.began = slices.DeleteFunc(w.began, func(t *time.Time) bool { return t == &now })
	}()
	if w.disk == nil {
		return write()
	}
	return w.disk(write)
}

// lastTook returns how long the write took that ended last.
func (w *writes) lastTook() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// hanging returns for how long the oldest write under way has been going on.
func (w *writes) hanging() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.began) == 0 {
		return 0
	}
	return time.Since(*w.began[0])
}
