package cluster

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// Watchers are told what committed entries changed, in order; watch.Hub
// satisfies it. They must not wait for anybody.
type Watchers interface {
	Publish(events []*fsm.Event, revision uint64)
	Reset(events []*fsm.Event, dropped, revision uint64)
}

// replica is this node's copy of the machine: the raft.FSM. Apply, Restore and
// Snapshot are called by Raft from one goroutine.
type replica struct {
	now      func() time.Duration
	watchers Watchers
	fail     func(error)   // stops the node
	revision atomic.Uint64 // the machine's, for those who only want that

	// mu guards everything below. It is never held across I/O.
	mu      sync.Mutex
	machine *fsm.Machine
	index   uint64        // the last log index whose effect is in machine
	stamped time.Duration // when the last stamp was applied
	moved   chan struct{} // closed when index moves; nil where nobody waits
	stopped bool          // an entry could not be applied: nothing after it may be
	term    *term         // attached while this node leads
}

// applied is what Apply hands to the future of a packed entry.
type applied struct {
	*fsm.Applied
	index uint64
}

// errOtherTerm says that an entry was committed in a term other than the one it
// was packed in, and so is no entry.
var errOtherTerm = errors.New("the entry is of another term")

var errStopped = errors.New("this node has stopped applying entries")

// Apply applies one committed entry. What cannot be read stops the node: it is
// never skipped.
func (r *replica) Apply(l *raft.Log) any {
	entry, err := fsm.DecodeEntry(l.Data)
	if err != nil {
		r.mu.Lock()
		r.stopped = true
		r.mu.Unlock()
		r.fail(fmt.Errorf("entry %d is committed but cannot be applied: %w", l.Index, err))
		return errStopped
	}
	r.mu.Lock()
	if r.stopped {
		r.mu.Unlock()
		return errStopped
	}
	if entry.Term != l.Term {
		// A leader packed it in one reign and Raft took it in another: what it was
		// decided from, and its stamp, are of the past. On every node it is nothing.
		r.move(l.Index)
		r.mu.Unlock()
		return errOtherTerm
	}
	out := r.machine.Apply(l.Term, entry)
	now := r.now()
	r.stamped = now
	t := r.term
	if t != nil {
		t.applied(now, out)
	}
	r.move(l.Index)
	r.revision.Store(out.Revision)
	r.mu.Unlock()

	r.watchers.Publish(out.Events, out.Revision)
	if t != nil {
		t.n.transport.commits.applied(entryID{l.Index, l.Term})
		t.granted(entry.Stamp, out.Grants)
		t.departed(out.Departures)
	}
	return &applied{Applied: out, index: l.Index}
}

// StoreConfiguration is told of membership entries, so that index moves with them.
func (r *replica) StoreConfiguration(index uint64, _ raft.Configuration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.move(index)
}

// move notes that everything up to index is applied. The caller holds mu.
func (r *replica) move(index uint64) {
	r.index = max(r.index, index)
	if r.moved != nil {
		close(r.moved)
		r.moved = nil
	}
}

// reached waits until this replica has applied everything up to an index, and
// reports whether it did before done was closed.
func (r *replica) reached(index uint64, done <-chan struct{}) bool {
	for {
		r.mu.Lock()
		if r.index >= index {
			r.mu.Unlock()
			return true
		}
		if r.moved == nil {
			r.moved = make(chan struct{})
		}
		moved := r.moved
		r.mu.Unlock()
		select {
		case <-moved:
		case <-done:
			return false
		}
	}
}

// Snapshot takes copy-on-write handles; what Persist writes goes on beside Apply.
func (r *replica) Snapshot() (raft.FSMSnapshot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return nil, errStopped
	}
	return persisted{r.machine.Snapshot()}, nil
}

// Restore replaces the machine by a snapshot's.
func (r *replica) Restore(from io.ReadCloser) error {
	defer from.Close()
	m, err := fsm.Restore(from)
	if err != nil {
		err = fmt.Errorf("a snapshot cannot be restored: %w", err)
		r.fail(err)
		return err
	}
	r.mu.Lock()
	r.machine, r.stamped = m, r.now()
	events, dropped := m.History()
	revision := m.Revision()
	r.revision.Store(revision)
	r.mu.Unlock()
	r.watchers.Reset(events, dropped, revision)
	return nil
}

// view calls f with the machine under the lock; f keeps nothing that changes.
func (r *replica) view(f func(m *fsm.Machine)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.machine)
}

// clusterNow is the cluster's time as far as this node can tell: the last stamp,
// and what its own clock has counted since. It is for display. The caller holds mu.
func (r *replica) clusterNow() fsm.Millis { return r.machine.Now() + leader.Millis(r.now()-r.stamped) }

type persisted struct{ *fsm.Snapshot }

func (p persisted) Persist(sink raft.SnapshotSink) error {
	if err := p.Write(sink); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

func (persisted) Release() {}
