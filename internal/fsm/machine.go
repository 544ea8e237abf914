package fsm

import (
	"github.com/tidwall/btree"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/fsm/lease"
)

// A Machine is the replicated state. It is not safe for concurrent use: its owner guards it
// with one lock. Leases, events, Leases and Snapshots are immutable and can be read without
// the lock.
type Machine struct {
	header

	leases    *lease.Table
	documents document.Store
	sessions  sessions
	ends      ends
	history   lease.Events
	nodes     *btree.BTreeG[Node] // by ID
	access    *access.Table

	maxLeases int
	budget    int  // of bytes; see size.go
	fits      bool // the current command was checked against the budget already

	// The entry being applied.
	packedTerm uint64 // the term in which its leader packed it
	term       uint64 // the term in which Raft committed it
	applied    *Applied
	followed   int // how many of its events the documents have followed
}

// New returns an empty machine.
func New() *Machine {
	m := &Machine{
		header:    header{version: 1},
		leases:    lease.NewTable(),
		documents: document.NewStore(),
		sessions:  newSessions(),
		ends:      newEnds(),
		nodes:     tree(func(a, b Node) bool { return a.ID < b.ID }),
		access:    access.NewTable(),
		maxLeases: MaxLeases,
	}
	m.history.Keep(MaxHistoryBytes)
	return m
}

// Applied is the outcome of one entry: the results, in the order of its commands, and what
// watchers and the leader's deadlines and waits need.
type Applied struct {
	Revision   uint64
	Results    []Result
	Events     []*Event
	Changes    []*document.Change
	Timers     []Timer
	Grants     []Grant     // holds that were granted to a waiter
	Departures []Departure // tickets that were removed without a grant
	Nodes      bool        // the node records changed
	Access     bool        // who may do what changed, or sessions are sealed from now on
}

// A Grant reports that a waiter was granted a lease.
type Grant struct {
	Name     string
	Hold     *Hold
	Previous Previous
	Revision uint64
}

// A Departure reports that a ticket was removed from a queue, and the attempt that owned
// it.
type Departure struct {
	Name      string
	Session   string
	AttemptID AttemptID
}

// Apply applies an entry that Raft committed in a term. It never fails: every decoded entry
// has an outcome.
func (m *Machine) Apply(term uint64, e *Entry) *Applied {
	m.term, m.packedTerm = term, e.Term
	m.version = max(m.version, e.Version)
	m.now = max(m.now, e.Stamp)
	m.wall = e.Wall
	m.followed = 0
	m.applied = &Applied{Results: make([]Result, 0, len(e.Commands))}
	m.sealSessions()
	for _, c := range e.Commands {
		r := m.do(Sealed(c, m.salt))
		r.Revision = m.revision
		m.applied.Results = append(m.applied.Results, r)
	}
	m.shed(0)
	out := m.applied
	out.Revision = m.revision
	m.applied = nil
	return out
}

// do applies a command, if its caller may send it. From version 4 on the machine checks that too: a token that was revoked
// before the command in the log has no right any more.
func (m *Machine) do(c Command) Result {
	if m.version >= 4 {
		if o := m.Check(c, m.wall); o != access.Done {
			return Result{Code: CodeAccessRefused, Outcome: o}
		}
	}
	if m.Foreign(c) {
		return m.refuseForeign(c)
	}
	r := c.apply(m)
	follow(m)
	return r
}

// put stores a lease, or only its history if the lease is free.
func (m *Machine) put(l *Lease) { m.leases.Put(l, m.revision) }

// emit assigns an event the next revision and adds it to the history and to that of the
// lease.
func (m *Machine) emit(l *Lease, e *Event) {
	m.revision++
	e.Revision, e.Wall, e.Name = m.revision, m.wall, l.Name
	m.history.Add(e)
	l.History.Add(e)
	m.applied.Events = append(m.applied.Events, e)
}

// Len returns how many leases are held, in a cooldown or waited for.
func (m *Machine) Len() int { return m.leases.Len() }

// Waiting returns how many tickets there are in all queues.
func (m *Machine) Waiting() int { return m.leases.Waiting() }

// Lease returns the lease of a name. If it is neither held, in a cooldown nor waited for, it
// is empty except for its history, if that is kept. The lease is immutable.
func (m *Machine) Lease(name string) *Lease { return m.leases.Get(name) }

// History returns the events that are kept, oldest first, and the oldest revision from
// which a watch can resume without a gap.
func (m *Machine) History() (events []*Event, dropped uint64) {
	events = make([]*Event, 0, m.history.Len())
	m.history.Scan(func(e *Event) { events = append(events, e) })
	return events, m.history.Dropped()
}

// Nodes returns the node records, by ID.
func (m *Machine) Nodes() []Node { return m.nodes.Items() }

// Page returns a page of the active leases, and the next cursor: see lease.Active.
func (m *Machine) Page(s Selection, after string, limit int) (page []*Lease, next string) {
	return m.leases.Page(s, after, limit)
}
