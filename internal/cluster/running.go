package cluster

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/hashicorp/raft"
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
func runningStores(s *stores, fail func(error)) (*running, raft.LogStore, error) {
	r := &running{LogStore: s.log, StableStore: s.stable, fail: fail}
	cached, err := raft.NewLogCache(logCacheEntries, r)
	return r, cached, err
}

func (r *running) GetLog(index uint64, l *raft.Log) error {
	err := r.LogStore.GetLog(index, l)
	if err == nil || errors.Is(err, raft.ErrLogNotFound) {
		return err
	}
	return r.end(fmt.Errorf("reading entry %d of the log failed: %w", index, err))
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
