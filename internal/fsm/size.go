package fsm

// The size of the state is an estimate of its memory that is the same on every node. Each
// node states in its record how much it can store. The minimum limits the state of all
// nodes, so that no member runs out of memory.
const (
	leaseSize        = 512 // bytes, without its name, holds, tickets and cooldowns
	holdSize         = 320
	ticketSize       = 320
	cooldownSize     = 160
	endSize          = 200
	leaseHistorySize = 200

	// 1/historyShare of the budget is for the history of events.
	historyShare = 4
	// 1/endsShare of it is for the ends of holds and waits.
	endsShare = 8
)

func (h *Hold) size() int {
	return holdSize + len(h.Holder) + 2*len(h.Session) + len(h.Meta) + len(h.Attempt) + len(h.Principal)
}

func (t *Ticket) size() int {
	return ticketSize + len(t.Holder) + 2*len(t.Session) + len(t.Meta) + len(t.Attempt) + len(t.Principal)
}

func (h *LeaseHistory) size() int {
	size := leaseHistorySize
	if h.Ended != nil {
		size += leaseHistorySize + len(h.Ended.Holder) + len(h.Ended.Session) + len(h.Ended.To)
	}
	for _, e := range h.Events {
		size += e.Size()
	}
	return size
}

// size returns the approximate size of a stored lease in bytes.
func (l *Lease) size() int {
	size := leaseSize + 3*len(l.Name) + l.History.size()
	for _, h := range l.Holds {
		size += h.size()
	}
	for _, t := range l.Queue {
		size += t.size()
	}
	for _, c := range l.Cooldowns {
		size += cooldownSize + len(c.Holder)
	}
	return size
}

func (p pastName) size() int { return leaseSize + 2*len(p.name) + p.history.size() }

func (e endRecord) size() int { return endSize + len(e.session) + len(e.name) + len(e.attempt) }

// size returns approximately how many bytes an acquire adds to the state, with its events.
func (c *Acquire) size() int {
	event := Event{Name: c.Name, Holder: c.Holder, Meta: c.Meta}
	return leaseSize + 3*len(c.Name) + leaseHistorySize + holdSize + len(c.Holder) + 2*len(c.Session) + len(c.Meta) + len(c.Attempt) + len(c.Caller.Principal) + 2*event.Size()
}

// Bytes returns the approximate size of the state in bytes.
func (m *Machine) Bytes() int { return m.bytes + m.history.bytes + m.ends.bytes }

// Budget returns how large the state may be in bytes: the minimum that the members state,
// or 0 if none does.
func (m *Machine) Budget() int { return m.budget }

// full reports whether the state must not grow by so many bytes. It first forgets free
// leases to make room.
func (m *Machine) full(more int) bool {
	if m.fits || m.budget == 0 {
		return false
	}
	m.shed(more)
	return m.Bytes()+more > m.budget
}

// shed forgets free leases until so many bytes more fit.
func (m *Machine) shed(more int) {
	for m.budget > 0 && m.Bytes()+more > m.budget && m.past.Len() > 0 {
		m.forgetOldest()
	}
}

// outgrows reports whether a meta is larger than the former one and the state must not grow
// by the difference.
func (m *Machine) outgrows(before, after string) bool {
	more := len(after) - len(before)
	return more > 0 && m.full(more)
}

// agreeOnBudget computes the limits of bytes from the records of the nodes.
func (m *Machine) agreeOnBudget() {
	m.budget = 0
	m.nodes.Scan(func(n Node) bool {
		if stated := int(n.MaxState); stated > 0 && (m.budget == 0 || stated < m.budget) {
			m.budget = stated
		}
		return true
	})
	m.history.most, m.ends.most = MaxHistoryBytes, MaxEndBytes
	if m.budget > 0 {
		m.history.most = min(MaxHistoryBytes, m.budget/historyShare)
		m.ends.most = min(MaxEndBytes, m.budget/endsShare)
	}
	m.history.trim()
	m.ends.trim()
}

// forgetOldest forgets the lease that became free first.
func (m *Machine) forgetOldest() {
	oldest, _ := m.freed.PopMin()
	if p, ok := m.past.Delete(pastName{name: oldest.name}); ok {
		m.bytes -= p.size()
	}
}
