package lease

import "slices"

// Previous is how the last hold of a lease ended. Token is 0 if there was none.
type Previous struct {
	Holder  string
	Session string
	Token   uint64
	End     EventType // released, expired, broken, transferred or reclaimed
	To      string    // transferred, reclaimed: the next holder name
	At      Millis    // cluster time of the end
}

// A History is the history of a lease. It is kept for some time after the lease is
// free.
type History struct {
	Ended       *Previous // nil if no hold has ended, which saves memory: most leases have none
	Transitions uint64    // grants so far
	Wall        int64     // Unix milliseconds of the last change
	Events      []*Event  // see Lease.Events
}

// Previous returns how the last hold ended. Its Token is 0 if there was none.
func (h *History) Previous() Previous {
	if h.Ended == nil {
		return Previous{}
	}
	return *h.Ended
}

// Add adds an event and drops the oldest ones beyond the limits.
func (h *History) Add(e *Event) {
	h.Events = append(slices.Clip(h.Events), e)
	size := 0
	for i, e := range slices.Backward(h.Events) {
		if size += e.Size(); size > MaxNameEventSize || len(h.Events)-i > MaxNameEvents {
			h.Events = slices.Clone(h.Events[min(i+1, len(h.Events)-1):])
			break
		}
	}
	h.Wall = e.Wall
}

// Events returns the newest events of the lease, oldest first.
func (l *Lease) Events() []*Event {
	if l.folded() {
		return []*Event{l.onlyGrant()}
	}
	return l.History.Events
}

// folded reports whether the lease is stored without its only event, the grant of its only
// hold. Most leases are: the hold has all that the event has.
func (l *Lease) folded() bool {
	return len(l.History.Events) == 0 && l.History.Transitions == 1 && len(l.Holds) == 1
}

func (l *Lease) onlyGrant() *Event {
	h := l.Holds[0]
	return &Event{
		Revision: h.Token, Wall: l.History.Wall, Type: EventAcquired, Name: l.Name, Holder: h.Holder, Token: h.Token,
		Vacancy: -1, Meta: h.Meta,
	}
}

// fold drops the event of a lease that is to be stored, if onlyGrant returns the same. The
// lease must have its own History: see Edit.
func (l *Lease) fold() {
	history := l.History
	if history.Transitions == 1 && len(history.Events) == 1 && len(l.Holds) == 1 && *history.Events[0] == *l.onlyGrant() {
		history.Events = nil
	}
}

// sealed returns the history with the session of its last hold replaced.
func (h *History) sealed(seal func(session string) string) *History {
	if h.Ended == nil {
		return h
	}
	n, ended := *h, *h.Ended
	ended.Session = seal(ended.Session)
	n.Ended = &ended
	return &n
}
