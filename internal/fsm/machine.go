package fsm

import (
	"slices"
	"strings"

	"github.com/tidwall/btree"

	"github.com/lockd/lockd/internal/access"
)

// A Machine is the replicated state. It is not safe for concurrent use: its owner guards it
// with one lock. Leases, events, Leases and Snapshots are immutable and can be read without
// the lock.
type Machine struct {
	version    uint64 // see Version
	cluster    string
	revision   uint64
	now        Millis // cluster time of the last entry
	wall       int64  // wall time of the last entry, for display only
	longestTTL Millis // the longest TTL ever granted

	salt string // see sealSessions

	quarantine Quarantine
	access     *access.Table

	leases   *btree.BTreeG[*Lease] // held, in a cooldown or waited for
	sessions *btree.BTreeG[sessionName]
	past     *btree.BTreeG[pastName]  // leases that are free again, by name
	freed    *btree.BTreeG[freedName] // the same, oldest first
	nodes    *btree.BTreeG[Node]      // by ID
	history  history
	ends     ends

	perSession map[string]int // number of names of each session with more than one; never iterated
	waiting    int            // tickets in all queues
	maxLeases  int
	bytes      int // of the leases and the freed names; see size.go
	budget     int
	fits       bool // the current command was checked against the budget already

	// The entry being applied.
	packedTerm uint64 // the term in which its leader packed it
	term       uint64 // the term in which Raft committed it
	applied    *Applied
}

// Quarantine keeps a recovered cluster from granting leases until the holds that it may
// have lost have expired. For is 0 if there is none.
type Quarantine struct {
	For  Millis
	From Millis
	Seq  uint64
}

// sessionName is an entry of the index from sessions to names.
type sessionName struct{ session, name string }

type pastName struct {
	name    string
	freed   uint64
	history *LeaseHistory
}

type freedName struct {
	freed uint64
	name  string
}

func tree[T any](less func(a, b T) bool) *btree.BTreeG[T] {
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
}

// New returns an empty machine.
func New() *Machine {
	return &Machine{
		version: 1,
		leases:  tree(func(a, b *Lease) bool { return a.Name < b.Name }),
		sessions: tree(func(a, b sessionName) bool {
			return a.session < b.session || a.session == b.session && a.name < b.name
		}),
		past: tree(func(a, b pastName) bool { return a.name < b.name }),
		freed: tree(func(a, b freedName) bool {
			return a.freed < b.freed || a.freed == b.freed && a.name < b.name
		}),
		access:     access.NewTable(),
		nodes:      tree(func(a, b Node) bool { return a.ID < b.ID }),
		perSession: make(map[string]int),
		maxLeases:  MaxLeases,
		ends:       newEnds(),
		history:    history{most: MaxHistoryBytes},
	}
}

// Applied is the outcome of one entry: the results, in the order of its commands, and what
// watchers and the leader's deadlines and waits need.
type Applied struct {
	Revision   uint64
	Results    []Result
	Events     []*Event
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

func (m *Machine) do(c Command) Result {
	if m.Foreign(c) {
		return m.refuseForeign(c)
	}
	return c.apply(m)
}

// lease returns the lease of a name. If it is neither held, delayed nor waited for, the
// lease is empty except for its history, if that is kept.
func (m *Machine) lease(name string) *Lease {
	if l, ok := m.leases.Get(&Lease{Name: name}); ok {
		return l
	}
	if p, ok := m.past.Get(pastName{name: name}); ok {
		return &Lease{Name: name, Limit: 1, History: p.history}
	}
	return &Lease{Name: name, Limit: 1, History: &LeaseHistory{}}
}

func (l *Lease) active() bool { return len(l.Holds)+len(l.Cooldowns)+len(l.Queue) > 0 }

// edit returns a copy that may be changed until it is put. The copy has its own History.
func (l *Lease) edit() *Lease {
	n, t := *l, *l.History
	t.Events = l.Events()
	n.History = &t
	return &n
}

func (l *Lease) replace(old, new *Hold) {
	l.Holds = slices.Clone(l.Holds)
	l.Holds[slices.Index(l.Holds, old)] = new
}

// put stores a lease, or only its history if the lease is free.
func (m *Machine) put(l *Lease) {
	if p, ok := m.past.Get(pastName{name: l.Name}); ok {
		m.past.Delete(p)
		m.freed.Delete(freedName{p.freed, l.Name})
		m.bytes -= p.size()
	}
	if l.active() {
		l.fold()
		m.replaceLease(l)
		return
	}
	if old, ok := m.leases.Delete(l); ok {
		m.bytes -= old.bytes
	}
	if l.History.Transitions == 0 {
		return
	}
	p := pastName{l.Name, m.revision, l.History}
	m.past.Set(p)
	m.freed.Set(freedName{m.revision, l.Name})
	m.bytes += p.size()
	if m.past.Len() > MaxPast {
		m.forgetOldest()
	}
}

// replaceLease stores a lease and counts its bytes.
func (m *Machine) replaceLease(l *Lease) {
	l.bytes = l.size()
	m.bytes += l.bytes
	if old, ok := m.leases.Set(l); ok {
		m.bytes -= old.bytes
	}
}

// remember adds a name to the index from sessions to names. forget removes it and records
// the end; its caller increments the revision after it.
func (m *Machine) remember(session, name string) {
	if before := m.names(session); before > 0 {
		m.perSession[session] = before + 1
	}
	m.sessions.Set(sessionName{session, name})
}

func (m *Machine) forget(session, name string) {
	m.recordEnd(session, name)
	m.sessions.Delete(sessionName{session, name})
	if m.perSession[session]--; m.perSession[session] <= 1 {
		delete(m.perSession, session)
	}
}

// names returns how many names a session holds or waits for. perSession leaves out sessions
// with one name: most have one, and a lookup costs less than their entries.
func (m *Machine) names(session string) (count int) {
	if many := m.perSession[session]; many > 0 {
		return many
	}
	m.sessions.Ascend(sessionName{session: session}, func(s sessionName) bool {
		if s.session == session {
			count = 1
		}
		return false
	})
	return count
}

// namesOf returns the names that a session holds or waits for, in order.
func (m *Machine) namesOf(session string) []string {
	names := make([]string, 0, m.names(session))
	m.sessions.Ascend(sessionName{session: session}, func(s sessionName) bool {
		if s.session != session {
			return false
		}
		names = append(names, s.name)
		return true
	})
	return names
}

// emit assigns an event the next revision and adds it to the history and to that of the
// lease.
func (m *Machine) emit(l *Lease, e *Event) {
	m.revision++
	e.Revision, e.Wall, e.Name = m.revision, m.wall, l.Name
	m.history.add(e)
	l.History.add(e)
	m.applied.Events = append(m.applied.Events, e)
}

func (m *Machine) refuse(code Code, l *Lease) Result { return Result{Code: code, Lease: l} }

// Wall returns the wall time of the last entry, in milliseconds since 1970.
func (m *Machine) Wall() int64 { return m.wall }

// Now returns the cluster time of the last entry.
func (m *Machine) Now() Millis { return m.now }

// Revision returns the number of state changes so far.
func (m *Machine) Revision() uint64 { return m.revision }

// ClusterID returns the cluster's identity, or "" before InitCluster.
func (m *Machine) ClusterID() string { return m.cluster }

// Longest returns the longest TTL that was ever granted.
func (m *Machine) Longest() Millis { return m.longestTTL }

// Len returns how many leases are held, in a cooldown or waited for.
func (m *Machine) Len() int { return m.leases.Len() }

// Waiting returns how many tickets there are in all queues.
func (m *Machine) Waiting() int { return m.waiting }

// Lease returns the lease of a name. A free lease has no holds and no queue. The lease is
// immutable.
func (m *Machine) Lease(name string) *Lease { return m.lease(name) }

// Quarantine returns the running quarantine, if any.
func (m *Machine) Quarantine() Quarantine { return m.quarantine }

// Nodes returns the node records, by ID.
func (m *Machine) Nodes() []Node { return m.nodes.Items() }

// Page returns up to limit leases after the cursor whose names have the prefix, and the next
// cursor, or "" at the end. If holder is not empty, it returns only leases that this holder
// name holds.
func (m *Machine) Page(prefix, holder, after string, limit int) (page []*Lease, next string) {
	return pageOf(m.leases, prefix, holder, after, limit)
}

func pageOf(leases *btree.BTreeG[*Lease], prefix, holder, after string, limit int) (found []*Lease, next string) {
	from := max(prefix, after)
	leases.Ascend(&Lease{Name: from}, func(l *Lease) bool {
		switch {
		case !strings.HasPrefix(l.Name, prefix):
			return false
		case l.Name == after && after != "":
			return true
		case holder != "" && l.heldBy(holder) == nil:
			return true
		case len(found) == limit:
			next = found[limit-1].Name
			return false
		}
		found = append(found, l)
		return true
	})
	return found, next
}
