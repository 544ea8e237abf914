package cluster

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// running are the stores as Raft is given them. Raft panics where its log cannot be
// read or its term not be written. The node stops in order then, which the failure
// began already, and so the goroutine of Raft's that met it ends here instead.
type running struct {
	raft.LogStore
	raft.StableStore
	since atomic.Bool // whether Raft's own goroutines are all that call
	fail  func(error)
}

// runningStores returns them for a Raft that does not run yet.
func runningStores(s *stores, cached int, fail func(error)) (*running, raft.LogStore, error) {
	r := &running{LogStore: s.log, StableStore: s.stable, fail: fail}
	cache, err := raft.NewLogCache(cached, r)
	return r, cache, err
}

func (r *running) GetLog(index uint64, l *raft.Log) error {
	err := r.LogStore.GetLog(index, l)
	if err == nil || errors.Is(err, raft.ErrLogNotFound) {
		return err
	}
	return r.end(fmt.Errorf("reading entry %d of the log failed: %w", index, err))
}

func (r *running) FirstIndex() (uint64, error) {
	first, err := r.LogStore.FirstIndex()
	return first, r.end(err)
}

func (r *running) LastIndex() (uint64, error) {
	last, err := r.LogStore.LastIndex()
	return last, r.end(err)
}

// Get and GetUint64 are asked in every vote: Raft would refuse it, and go on.
func (r *running) Get(key []byte) ([]byte, error) {
	value, err := r.StableStore.Get(key)
	return value, r.endUnlessMissing(err)
}

func (r *running) GetUint64(key []byte) (uint64, error) {
	n, err := r.StableStore.GetUint64(key)
	return n, r.endUnlessMissing(err)
}

// endUnlessMissing lets pass what Raft understands: a value that nobody has written yet.
func (r *running) endUnlessMissing(err error) error {
	if errors.Is(err, raftboltdb.ErrKeyNotFound) {
		return err
	}
	return r.end(err)
}

func (r *running) Set(key, value []byte) error { return r.end(r.StableStore.Set(key, value)) }

func (r *running) SetUint64(key []byte, n uint64) error {
	return r.end(r.StableStore.SetUint64(key, n))
}

// end does not return where a store failed while Raft runs.
func (r *running) end(err error) error {
	if err != nil && r.since.Load() {
		r.fail(err)
		runtime.Goexit()
	}
	return err
}
