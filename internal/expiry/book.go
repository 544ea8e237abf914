// Package expiry holds the leader's deadlines: the machine says how long things
// last, this package says till when, on the leader's own monotonic clock.
//
// The Book is pure: every call is told the time. Its rules:
//
//   - A hold with a TTL up to fsm.ShortTTL, and a ticket, last their full time
//     from when this leader learned of them. What a former leader confirmed was
//     confirmed before this one began, so nobody ends early.
//   - Longer holds, and delays, end where their stamp says, on the cluster's
//     clock, so that a failover adds nothing to them.
//   - What is due is marked before its end is proposed, and nothing raises the
//     deadline of a marked hold: its renewal has to pass through the log,
//     behind the proposal.
//   - A leader that was itself stopped for a while moves deadlines by the gap:
//     later, never earlier, and by at most one TTL between two renewals.
package expiry

import (
	"container/heap"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// StopGap is the longest pause between two turns of a leader that runs. A longer
// one means that the leader was stopped, and clients may have renewed in vain.
const StopGap = 500 * time.Millisecond

// A Book is the deadlines of one term. Times are durations on the leader's
// monotonic clock, from an origin of the caller's choice. Not safe for
// concurrent use.
type Book struct {
	entries  map[key]*entry
	byDue    dueHeap
	stamped  int // how many deadlines go by the cluster's clock
	lastTurn time.Duration
	turned   bool
}

type key struct {
	kind fsm.TimerKind
	id   uint64
}

// An entry has of its timer what is needed later: there may be a million.
type entry struct {
	name     string
	id, seq  uint64
	deadline time.Duration
	full     time.Duration // what a renewal gives
	renewed  time.Duration // when the deadline was last set
	shifted  time.Duration // by how much gaps moved it since then
	at       time.Duration // by which it stands in the heap: never after the deadline
	index    int32         // its place there, or expiring
	kind     fsm.TimerKind
	stamped  bool
	fixed    bool // no renewal puts it off
	kept     bool // its holder has renewed it since the deadline was set by an entry
}

// expiring is the place of an entry whose end was proposed: out of the heap,
// until the outcome is known.
const expiring = -1

func (e *entry) expiring() bool { return e.index == expiring }

// New returns an empty book.
func New() *Book { return &Book{entries: make(map[key]*entry)} }

// Len returns how many deadlines the book has.
func (b *Book) Len() int { return len(b.entries) }

// Apply takes over what an entry changed, at now on the leader's clock and at
// cluster on the cluster's. It returns how late each expiry took effect.
func (b *Book) Apply(now time.Duration, cluster fsm.Millis, timers []fsm.Timer) (late []time.Duration) {
	for _, t := range timers {
		k := key{t.Kind, t.ID}
		e := b.entries[k]
		switch {
		case t.Clear && e != nil:
			if !e.expiring() {
				heap.Remove(&b.byDue, int(e.index))
			} else if now >= e.deadline { // else it was withdrawn
				late = append(late, now-e.deadline)
			}
			b.count(e.stamped, -1)
			delete(b.entries, k)
		case t.Clear:
		case e != nil && t.Keep:
			b.take(e, t)
			b.place(e)
		default:
			b.set(k, e, t, now, cluster)
		}
	}
	return late
}

func (b *Book) set(k key, e *entry, t fsm.Timer, now time.Duration, cluster fsm.Millis) {
	full := duration(t.For)
	deadline := now + full
	if t.Stamped {
		deadline = now + duration(t.From+t.For-cluster)
	}
	if e == nil {
		e = &entry{index: expiring}
		b.entries[k] = e
	}
	b.take(e, t)
	e.deadline, e.full, e.renewed, e.shifted, e.kept = deadline, full, now, 0, false
	b.place(e)
}

// take makes an entry that of a timer.
func (b *Book) take(e *entry, t fsm.Timer) {
	b.count(e.stamped, -1)
	b.count(t.Stamped, +1)
	e.name, e.id, e.seq, e.kind, e.stamped, e.fixed = t.Name, t.ID, t.Seq, t.Kind, t.Stamped, t.Keep
}

func (b *Book) count(stamped bool, n int) {
	if stamped {
		b.stamped += n
	}
}

// Stamped reports whether any deadline goes by the cluster's clock, so that a
// restart would move it if that were not written down.
func (b *Book) Stamped() bool { return b.stamped > 0 }

// place puts an unmarked entry where its deadline belongs.
func (b *Book) place(e *entry) {
	e.at = e.deadline
	if e.expiring() {
		heap.Push(&b.byDue, e)
	} else {
		heap.Fix(&b.byDue, int(e.index))
	}
}

// Renew raises a hold's deadline to a full TTL from now, unless the hold is
// unknown or its end was proposed already. It returns how much of the TTL was
// left before, from 0 to 1.
func (b *Book) Renew(now time.Duration, token uint64) (margin float64, ok bool) {
	e := b.entries[key{fsm.TimerHold, token}]
	if e == nil || e.expiring() || e.fixed {
		return 0, false
	}
	e.kept = true
	margin = max(0, float64(e.deadline-now)/float64(e.full))
	if d := now + e.full; d > e.deadline || e.shifted > 0 {
		e.deadline = max(e.deadline, d)
		e.renewed, e.shifted = now, 0
	}
	return margin, true
}

// Left returns the time until something ends, and since it was last renewed.
func (b *Book) Left(now time.Duration, kind fsm.TimerKind, id uint64) (left, renewed time.Duration, ok bool) {
	e := b.entries[key{kind, id}]
	if e == nil {
		return 0, 0, false
	}
	return max(0, e.deadline-now), max(0, now-e.renewed), true
}

// Due marks what is due at now, at most so many, and returns it with the time
// of the next deadline. Of a timer it is what names it: Kind, Name, ID and Seq. Each turn of the leader begins with it.
func (b *Book) Due(now time.Duration, most int) (due []fsm.Timer, next time.Duration) {
	b.turn(now)
	for len(b.byDue) > 0 {
		e := b.byDue[0]
		switch {
		case e.at < e.deadline: // it was raised since it was put here
			e.at = e.deadline
			heap.Fix(&b.byDue, 0)
			continue
		case e.deadline > now:
			return due, e.deadline
		case len(due) >= most:
			return due, now
		}
		heap.Remove(&b.byDue, 0)
		due = append(due, fsm.Timer{Kind: e.kind, Name: e.name, ID: e.id, Seq: e.seq})
	}
	return due, now + time.Hour
}

// Withdraw marks a hold whose end is to be proposed although it is not due,
// because its grant was never delivered. It refuses where the holder has renewed
// it: then it has the grant after all.
func (b *Book) Withdraw(token uint64) bool {
	e := b.entries[key{fsm.TimerHold, token}]
	if e == nil || e.expiring() || e.kept {
		return false
	}
	heap.Remove(&b.byDue, int(e.index))
	return true
}

// Undecided takes back the mark of an end that was surely not proposed.
func (b *Book) Undecided(t fsm.Timer) {
	if e := b.entries[key{t.Kind, t.ID}]; e != nil && e.seq == t.Seq && e.expiring() {
		b.place(e)
	}
}

// turn notices that the leader itself was stopped since its last turn.
func (b *Book) turn(now time.Duration) {
	gap := now - b.lastTurn
	if b.turned && gap > StopGap {
		b.shift(now, gap)
	}
	b.lastTurn, b.turned = now, true
}

func (b *Book) shift(now, gap time.Duration) {
	for _, e := range b.entries {
		// What was set within the gap, as the leader woke, lost only the rest of it.
		by := min(gap, now-e.renewed, e.full-e.shifted)
		if by <= 0 || e.expiring() {
			continue
		}
		e.deadline += by
		e.shifted += by
	}
}

func duration(m fsm.Millis) time.Duration { return time.Duration(m) * time.Millisecond }

// dueHeap orders entries by their place, which a raised deadline leaves behind
// until it comes to the top: a renewal costs no heap operation.
type dueHeap []*entry

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = int32(i), int32(j)
}

func (h *dueHeap) Push(x any) {
	e := x.(*entry)
	e.index = int32(len(*h))
	*h = append(*h, e)
}

func (h *dueHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.index = expiring
	return e
}
