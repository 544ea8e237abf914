package lease

import "slices"

// A Lease is a named, time-limited right with up to Limit holders. Leases, holds and tickets
// are immutable once they are stored in a Table: a change replaces them, so snapshots and
// readers can keep them.
type Lease struct {
	Name      string
	Limit     int
	Holds     []*Hold    // in the order of their grants
	Cooldowns []Cooldown // slots that are not available yet
	Queue     []*Ticket  // in the order in which they are served
	History   *History

	bytes int // its size, once it is stored
}

// State is the state of a lease as a client sees it that does not hold it.
type State uint8

// The states of a lease.
const (
	StateFree State = iota + 1
	StateHeld
	StateDelayed
	StateBreaking
)

func (s State) String() string {
	return [...]string{"", "free", "held", "delayed", "breaking"}[s]
}

// State returns the lease's state: breaking if every hold is being broken, delayed if there
// is no hold and a cooldown is running.
func (l *Lease) State() State {
	switch {
	case len(l.Holds) > 0 && !slices.ContainsFunc(l.Holds, func(h *Hold) bool { return h.Break == nil }):
		return StateBreaking
	case len(l.Holds) > 0:
		return StateHeld
	case len(l.Cooldowns) > 0:
		return StateDelayed
	}
	return StateFree
}

// Active reports whether the lease is held, in a cooldown or waited for.
func (l *Lease) Active() bool { return len(l.Holds)+len(l.Cooldowns)+len(l.Queue) > 0 }

// permanent returns the number of holds without a TTL.
func (l *Lease) permanent() (count int) {
	for _, h := range l.Holds {
		if h.TTL == 0 {
			count++
		}
	}
	return count
}

// HoldOf returns the session's hold, or nil.
func (l *Lease) HoldOf(session string) *Hold {
	for _, h := range l.Holds {
		if h.Session == session {
			return h
		}
	}
	return nil
}

// HoldBy returns the hold with this token, or nil.
func (l *Lease) HoldBy(token uint64) *Hold {
	for _, h := range l.Holds {
		if h.Token == token {
			return h
		}
	}
	return nil
}

// HeldBy returns the newest hold with a holder name, or nil.
func (l *Lease) HeldBy(holder string) *Hold {
	for _, h := range slices.Backward(l.Holds) {
		if h.Holder == holder {
			return h
		}
	}
	return nil
}

// PrincipalOf returns the principal of a session's hold or ticket, or "".
func (l *Lease) PrincipalOf(session string) string {
	if h := l.HoldOf(session); h != nil {
		return h.Principal
	}
	if place := l.Place(session); place >= 0 {
		return l.Queue[place].Principal
	}
	return ""
}

// EndOf returns how a session's hold with a token ended, if it was the last hold of the
// lease.
func (l *Lease) EndOf(session string, token uint64) Previous {
	if p := l.History.Previous(); p.Session == session && p.Token == token {
		return p
	}
	return Previous{}
}

// Edit returns a copy that may be changed until it is put into the Table. The copy has its
// own History.
func (l *Lease) Edit() *Lease {
	n, t := *l, *l.History
	t.Events = l.Events()
	n.History = &t
	return &n
}

// Replace replaces a hold of a lease that is being edited.
func (l *Lease) Replace(old, new *Hold) {
	l.Holds = slices.Clone(l.Holds)
	l.Holds[slices.Index(l.Holds, old)] = new
}

// FreeSlot returns the lowest slot that is neither held nor in a cooldown.
func (l *Lease) FreeSlot() int {
	taken := make([]bool, l.Limit)
	for _, h := range l.Holds {
		taken[h.Slot] = true
	}
	for _, c := range l.Cooldowns {
		taken[c.Slot] = true
	}
	return slices.Index(taken, false)
}

// Sound reports whether a lease is consistent: there are at most Limit holds and cooldowns,
// each with its own slot; each hold has a token that was granted; the queue is in order;
// and no session appears twice.
func (l *Lease) Sound(revision uint64) bool {
	slots, sessions := make(map[int]bool), make(map[string]bool)
	for _, h := range l.Holds {
		if h.Slot >= l.Limit || h.Token == 0 || h.Token > revision {
			return false
		}
		slots[h.Slot], sessions[h.Session] = true, true
	}
	for _, c := range l.Cooldowns {
		if c.Slot >= l.Limit {
			return false
		}
		slots[c.Slot] = true
	}
	for _, t := range l.Queue {
		sessions[t.Session] = true
	}
	return slices.IsSortedFunc(l.Queue, byQueueOrder) &&
		len(slots) == len(l.Holds)+len(l.Cooldowns) && len(sessions) == len(l.Holds)+len(l.Queue)
}

// sealed returns a copy in which seal has replaced the sessions.
func (l *Lease) sealed(seal func(session string) string) *Lease {
	n := *l
	n.Holds = slices.Clone(l.Holds)
	for i, h := range n.Holds {
		hold := *h
		hold.Session = seal(h.Session)
		n.Holds[i] = &hold
	}
	n.Queue = slices.Clone(l.Queue)
	for i, t := range n.Queue {
		ticket := *t
		ticket.Session = seal(t.Session)
		n.Queue[i] = &ticket
	}
	n.History = l.History.sealed(seal)
	return &n
}
