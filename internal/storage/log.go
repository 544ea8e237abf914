package storage

import (
	"fmt"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// guardedLog is Raft's log with fail-stop. After the first write that fails it refuses all
// others: Raft itself would continue, and a later fsync may report success for data that was
// lost.
type guardedLog struct {
	raft.LogStore
	path   string
	writes *writes
	fail   func(error)
	failed atomic.Pointer[error]
}

// IsMonotonic reports whether the entries must have no gap.
func (g *guardedLog) IsMonotonic() bool { return monotonic(g.LogStore) }

func monotonic(log raft.LogStore) bool {
	m, ok := log.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

func (g *guardedLog) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

func (g *guardedLog) StoreLogs(logs []*raft.Log) error {
	return g.write("writing to the log failed", func() error { return g.LogStore.StoreLogs(logs) })
}

func (g *guardedLog) DeleteRange(from, to uint64) error {
	return g.write("truncating the log failed", func() error { return g.LogStore.DeleteRange(from, to) })
}

func (g *guardedLog) write(failure string, write func() error) error {
	if err := g.failed.Load(); err != nil {
		return *err
	}
	err := g.writes.do(write)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", failure, reachable(g.path, err))
	g.failed.CompareAndSwap(nil, &err)
	g.fail(err)
	return err
}
