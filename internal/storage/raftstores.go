package storage

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// RaftStores are the stores that Raft uses. Raft panics if its log cannot be read or its
// term cannot be written. The node must stop in order instead: the failure was reported,
// and the goroutine of Raft that called ends here.
type RaftStores struct {
	raft.LogStore
	raft.StableStore
	started atomic.Bool // only Raft's own goroutines call
	fail    func(error)
}

// ForRaft returns the stores for a Raft that does not run yet, and their log with a
// cache of so many entries.
func (s *Store) ForRaft(cached int) (*RaftStores, raft.LogStore, error) {
	r := &RaftStores{LogStore: s.Log, StableStore: s.Stable, fail: s.fail}
	cache, err := raft.NewLogCache(cached, r)
	return r, cache, err
}

// Started states that Raft runs: from now on only its own goroutines call.
func (r *RaftStores) Started() { r.started.Store(true) }

// IsMonotonic reports whether the entries must have no gap.
func (r *RaftStores) IsMonotonic() bool { return monotonic(r.LogStore) }

// GetLog reads an entry.
func (r *RaftStores) GetLog(index uint64, l *raft.Log) error {
	err := r.LogStore.GetLog(index, l)
	if err == nil || errors.Is(err, raft.ErrLogNotFound) {
		return err
	}
	return r.end(fmt.Errorf("reading entry %d of the log failed: %w", index, err))
}

// FirstIndex returns the index of the oldest entry.
func (r *RaftStores) FirstIndex() (uint64, error) {
	first, err := r.LogStore.FirstIndex()
	return first, r.end(err)
}

// LastIndex returns the index of the newest entry.
func (r *RaftStores) LastIndex() (uint64, error) {
	last, err := r.LogStore.LastIndex()
	return last, r.end(err)
}

// Get returns a value. Raft calls it for each vote: after an error it would refuse the vote and continue.
func (r *RaftStores) Get(key []byte) ([]byte, error) {
	value, err := r.StableStore.Get(key)
	return value, r.endUnlessMissing(err)
}

// GetUint64 returns a number; see Get.
func (r *RaftStores) GetUint64(key []byte) (uint64, error) {
	n, err := r.StableStore.GetUint64(key)
	return n, r.endUnlessMissing(err)
}

// endUnlessMissing is end, except for the error of a value that was never written: Raft
// handles it.
func (r *RaftStores) endUnlessMissing(err error) error {
	if errors.Is(err, raftboltdb.ErrKeyNotFound) {
		return err
	}
	return r.end(err)
}

// Set stores a value.
func (r *RaftStores) Set(key, value []byte) error { return r.end(r.StableStore.Set(key, value)) }

// SetUint64 stores a number.
func (r *RaftStores) SetUint64(key []byte, n uint64) error {
	return r.end(r.StableStore.SetUint64(key, n))
}

// end ends the calling goroutine if a store failed while Raft runs.
func (r *RaftStores) end(err error) error {
	if err != nil && r.started.Load() {
		r.fail(err)
		runtime.Goexit()
	}
	return err
}
