package fsm

import "slices"

// Previous says how the last hold of a lease ended. Token is 0 where there was none.
type Previous struct {
	Holder  string
	Session string
	Token   uint64
	End     EventType // released, expired, broken, transferred or reclaimed
	To      string    // transferred, reclaimed: the label it went to
	At      Millis    // cluster time of the end
}

// A Trail is what a name leaves behind: it outlives the lease for a while.
type LeaseHistory struct {
	Ended       *Previous // nil where no hold has ended: with many names none ever has
	Transitions uint64    // grants so far
	Wall        int64     // Unix milliseconds at which the present state began
	Events      []*Event  // see Lease.Events
}

// Previous says how the last hold ended; its Token is 0 where none has.
func (t *LeaseHistory) Previous() Previous {
	if t.Ended == nil {
		return Previous{}
	}
	return *t.Ended
}

// tell adds an event, within the bounds of a name's own history.
func (t *LeaseHistory) add(e *Event) {
	t.Events = append(slices.Clip(t.Events), e)
	size := 0
	for i, e := range slices.Backward(t.Events) {
		if size += e.Size(); size > MaxNameEventSize || len(t.Events)-i > MaxNameEvents {
			t.Events = slices.Clone(t.Events[min(i+1, len(t.Events)-1):])
			break
		}
	}
	t.Wall = e.Wall
}

// Events returns the newest events of a name, oldest first.
func (l *Lease) Events() []*Event {
	if l.folded() {
		return []*Event{l.onlyGrant()}
	}
	return l.History.Events
}

// Most leases have been granted once, and that is all that there is to tell of
// them. Such a lease is stored folded, without its event: the hold says it all.
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

// fold drops the event of a lease that is about to be stored, where it can be
// had again. The trail is the edited lease's own.
func (l *Lease) fold() {
	t := l.History
	if t.Transitions == 1 && len(t.Events) == 1 && len(l.Holds) == 1 && *t.Events[0] == *l.onlyGrant() {
		t.Events = nil
	}
}
