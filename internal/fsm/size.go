package fsm

import "github.com/lockd/lockd/internal/fsm/lease"

// The size of the state is an estimate of its memory that is the same on every node. Each
// node states in its record how much it can store. The minimum limits the state of all
// nodes, so that no member runs out of memory.
const (
	endSize = 200 // bytes, without its names

	// 1/historyShare of the budget is for the history of events.
	historyShare = 4
	// 1/endsShare of it is for the ends of holds and waits.
	endsShare = 8
)

func (e endRecord) size() int { return endSize + len(e.session) + len(e.name) + len(e.attempt) }

// size returns approximately how many bytes an acquire adds to the state, with its events.
func (c *Acquire) size() int {
	hold := Hold{
		Holder: c.Holder, Session: c.Session, Meta: c.Meta, Origin: Origin{Attempt: c.Attempt, Principal: c.Caller.Principal},
	}
	held := Lease{Name: c.Name, Holds: []*Hold{&hold}, History: &lease.History{}}
	event := Event{Name: c.Name, Holder: c.Holder, Meta: c.Meta}
	return held.Size() + 2*event.Size()
}

// Bytes returns the approximate size of the state in bytes.
func (m *Machine) Bytes() int {
	return m.leases.Bytes() + m.documents.Bytes() + m.history.Bytes() + m.ends.bytes
}

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
	for m.budget > 0 && m.Bytes()+more > m.budget {
		if !m.leases.ForgetOldest() {
			return
		}
	}
}

// outgrows returns why the meta of a lease must not grow as it would, or CodeOK.
func (m *Machine) outgrows(name, before, after string) Code {
	switch more := len(after) - len(before); {
	case more > 0 && m.full(more):
		return CodeStateFull
	case more > 0 && !m.leases.Fits(lease.Growth{Name: name, Usage: lease.Usage{Bytes: more}}):
		return CodeQuota
	}
	return CodeOK
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
	history, ends := MaxHistoryBytes, MaxEndBytes
	if m.budget > 0 {
		history, ends = min(history, m.budget/historyShare), min(ends, m.budget/endsShare)
	}
	m.history.Keep(history)
	m.ends.keep(ends)
}
