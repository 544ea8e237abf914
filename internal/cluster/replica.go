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
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/leader"
)

// Watchers receive what committed entries changed, in order; watch.Hub implements it.
// They must not block.
type Watchers interface {
	Publish(events []*fsm.Event, revision uint64)
	Reset(events []*fsm.Event, dropped, revision uint64)

	// The changes of objects are not in a snapshot: after one is restored, there are none.
	PublishObjects(changes []*document.Change, revision uint64)
	ResetObjects(revision uint64)
}

// replica is this node's copy of the machine as the raft.FSM. Apply, Restore and
// Snapshot are called by Raft from one goroutine.
type replica struct {
	now      func() time.Duration
	watchers Watchers
	fail     func(error)   // stops the node
	revision atomic.Uint64 // the machine's, for reads without the lock
	known    *knowledge    // likewise

	// mu guards everything below. It is never held across I/O.
	mu      sync.Mutex
	state   *leader.Replica
	stopped bool  // an entry could not be applied: nothing after it may be
	term    *term // attached while this node leads
}

var (
	// errOtherTerm reports that an entry was committed in a term other than the one it was
	// packed in, and has no effect.
	errOtherTerm = errors.New("the entry is of another term")
	errStopped   = errors.New("this node has stopped applying entries")
)

// Apply applies one committed entry. An entry that cannot be read stops the node: it is
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
	out := r.state.Apply(r.now(), l.Index, l.Term, entry)
	t := r.term
	if t != nil {
		if out != nil {
			t.applied(out)
		}
		t.leader.Reached(l.Index)
	}
	if out == nil {
		r.mu.Unlock()
		return errOtherTerm
	}
	r.revision.Store(out.Revision)
	if out.Access {
		r.known.publish(r.state.Machine)
	}
	r.mu.Unlock()

	r.watchers.Publish(out.Events, out.Revision)
	r.watchers.PublishObjects(out.Changes, out.Revision)
	if t != nil {
		t.n.network.transport.Applied(l.Index, l.Term)
		t.leader.Deliver(entry.Stamp, out)
	}
	return out
}

// StoreConfiguration receives membership entries, which Apply does not.
func (r *replica) StoreConfiguration(index uint64, _ raft.Configuration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reached(index)
}

// reached records that everything up to index is applied. The caller holds mu.
func (r *replica) reached(index uint64) {
	r.state.Reached(index)
	if r.term != nil {
		r.term.leader.Reached(index)
	}
}

// Snapshot takes copy-on-write handles; Persist writes them while entries are applied.
func (r *replica) Snapshot() (raft.FSMSnapshot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return nil, errStopped
	}
	return persisted{r.state.Machine.Snapshot()}, nil
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
	r.state.Restore(r.now(), m)
	events, dropped := m.History()
	revision := m.Revision()
	r.revision.Store(revision)
	r.known.publish(m)
	r.mu.Unlock()
	r.watchers.Reset(events, dropped, revision)
	r.watchers.ResetObjects(revision)
	return nil
}

// view calls f with the machine under the lock; f keeps nothing that changes.
func (r *replica) view(f func(m *fsm.Machine)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.state.Machine)
}

// clusterNow returns the cluster's time as far as this node knows. The caller holds mu.
func (r *replica) clusterNow() fsm.Millis { return r.state.ClusterNow(r.now()) }

type persisted struct{ *fsm.Snapshot }

func (p persisted) Persist(sink raft.SnapshotSink) error {
	if err := p.Write(sink); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

func (persisted) Release() {}
