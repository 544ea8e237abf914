package lease

import (
	"cmp"
	"slices"
)

// A Ticket is a place in a lease's queue.
type Ticket struct {
	ID        uint64 // the revision at which it was queued
	Holder    string
	Session   string
	TTL       Millis
	Delay     Millis
	Wait      Millis
	Priority  int // higher is served first; then the lower ID
	Meta      string
	Anonymous bool
	WaitEnded bool // its wait has timed out; it is kept for TicketGrace
	Seq       uint64
	Queued    Millis // cluster time when it was queued
	Renewed   Millis // cluster time when an acquire or the end of a wait last updated it

	Origin
}

// Enqueue replaces the queue of a lease that is being edited by others and a ticket, which
// is inserted by priority and then by ID, and returns its place.
func (l *Lease) Enqueue(others []*Ticket, t *Ticket) (place int) {
	place, _ = slices.BinarySearchFunc(others, t, byQueueOrder)
	l.Queue = slices.Insert(slices.Clip(others), place, t)
	return place
}

// byQueueOrder orders tickets by priority, then by ID.
func byQueueOrder(a, b *Ticket) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.ID, b.ID))
}

// Place returns the session's place in the queue, from 0, or -1.
func (l *Lease) Place(session string) int {
	return slices.IndexFunc(l.Queue, func(t *Ticket) bool { return t.Session == session })
}
