package leader

import (
	"container/heap"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// StopGap is the longest pause between two polls of the deadlines by a leader that
// runs. A longer pause means that the leader was stopped, and that renewals of clients
// may have been lost meanwhile.
const StopGap = 500 * time.Millisecond

// Deadlines are the deadlines of one term: the machine states how long things last,
// and Deadlines states when they end, on the leader's monotonic clock. Times are
// durations on that clock, from an origin that the caller chooses. The rules:
//
//   - A hold with a TTL up to fsm.ShortTTL, and a ticket, last their full time from
//     when this leader learned of them. What a former leader confirmed was confirmed
//     before this term began, so no hold ends early.
//   - Longer holds, and delays, end when their stamp says, on the cluster's clock, so
//     that a failover adds nothing to them.
//   - A timer that has run out is marked before its end is proposed, and nothing raises
//     the deadline of a marked hold: its renewal has to pass through the log, after the
//     proposal.
//   - A leader that was itself stopped moves deadlines by the gap: later, never earlier,
//     and by at most one TTL between two renewals.
//
// Deadlines is not safe for concurrent use.
type Deadlines struct {
	byTimer  map[timerKey]*deadline
	byTime   deadlineHeap
	stamped  int // how many deadlines go by the cluster's clock
	lastPoll time.Duration
	polled   bool
}

type timerKey struct {
	kind fsm.TimerKind
	id   uint64
}

// A deadline has of its timer what is needed later: there may be a million.
type deadline struct {
	name    string
	id, seq uint64
	end     time.Duration
	full    time.Duration // what a renewal gives
	renewed time.Duration // when the end was last set
	shifted time.Duration // by how much gaps moved it since then
	at      time.Duration // its key in the heap: never after the end
	index   int32         // its place in the heap, or marked
	kind    fsm.TimerKind
	stamped bool
	fixed   bool // no renewal raises it
	kept    bool // its holder has renewed it since an entry set it
}

// marked is the index of a deadline whose end was proposed: it is out of the heap
// until the outcome is known.
const marked = -1

func (d *deadline) marked() bool { return d.index == marked }

// NewDeadlines returns deadlines of which none is set.
func NewDeadlines() *Deadlines { return &Deadlines{byTimer: make(map[timerKey]*deadline)} }

// Len returns how many deadlines there are.
func (b *Deadlines) Len() int { return len(b.byTimer) }

// Stamped reports whether any deadline goes by the cluster's clock: a restart would
// move it if that clock were not written to the log.
func (b *Deadlines) Stamped() bool { return b.stamped > 0 }

// Apply records what an entry changed, at now on the leader's clock and at cluster on
// the cluster's. It returns how late each expiry took effect.
func (b *Deadlines) Apply(now time.Duration, cluster fsm.Millis, timers []fsm.Timer) (late []time.Duration) {
	for _, t := range timers {
		k := timerKey{t.Kind, t.ID}
		d := b.byTimer[k]
		switch {
		case t.Clear && d != nil:
			if !d.marked() {
				heap.Remove(&b.byTime, int(d.index))
			} else if now >= d.end { // else it was withdrawn
				late = append(late, now-d.end)
			}
			b.count(d.stamped, -1)
			delete(b.byTimer, k)
		case t.Clear:
		case d != nil && t.Keep:
			b.adopt(d, t)
			b.place(d)
		default:
			b.set(k, d, t, now, cluster)
		}
	}
	return late
}

func (b *Deadlines) set(k timerKey, d *deadline, t fsm.Timer, now time.Duration, cluster fsm.Millis) {
	full := duration(t.For)
	end := now + full
	if t.Stamped {
		end = now + duration(t.From+t.For-cluster)
	}
	if d == nil {
		d = &deadline{index: marked}
		b.byTimer[k] = d
	}
	b.adopt(d, t)
	d.end, d.full, d.renewed, d.shifted, d.kept = end, full, now, 0, false
	b.place(d)
}

// adopt makes a deadline that of a timer.
func (b *Deadlines) adopt(d *deadline, t fsm.Timer) {
	b.count(d.stamped, -1)
	b.count(t.Stamped, +1)
	d.name, d.id, d.seq, d.kind, d.stamped, d.fixed = t.Name, t.ID, t.Seq, t.Kind, t.Stamped, t.Keep
}

func (b *Deadlines) count(stamped bool, n int) {
	if stamped {
		b.stamped += n
	}
}

// place puts an unmarked deadline where its end belongs in the heap.
func (b *Deadlines) place(d *deadline) {
	d.at = d.end
	if d.marked() {
		heap.Push(&b.byTime, d)
	} else {
		heap.Fix(&b.byTime, int(d.index))
	}
}

// Renew raises a hold's deadline to a full TTL from now, unless the hold is unknown or
// its end was proposed already. It returns how much of the TTL was left before, from 0
// to 1.
func (b *Deadlines) Renew(now time.Duration, token uint64) (margin float64, ok bool) {
	d := b.byTimer[timerKey{fsm.TimerHold, token}]
	if d == nil || d.marked() || d.fixed {
		return 0, false
	}
	d.kept = true
	margin = max(0, float64(d.end-now)/float64(d.full))
	if end := now + d.full; end > d.end || d.shifted > 0 {
		d.end = max(d.end, end)
		d.renewed, d.shifted = now, 0
	}
	return margin, true
}

// Left returns the time until something ends, and the time since it was last renewed.
func (b *Deadlines) Left(now time.Duration, kind fsm.TimerKind, id uint64) (left, renewed time.Duration, ok bool) {
	d := b.byTimer[timerKey{kind, id}]
	if d == nil {
		return 0, 0, false
	}
	return max(0, d.end-now), max(0, now-d.renewed), true
}

// Due marks the timers that have run out at now, at most so many, and returns them with
// the time of the next deadline. Of a timer it returns what identifies it: Kind, Name,
// ID and Seq. Each call is a poll: see StopGap.
func (b *Deadlines) Due(now time.Duration, most int) (due []fsm.Timer, next time.Duration) {
	b.detectStop(now)
	for len(b.byTime) > 0 {
		d := b.byTime[0]
		switch {
		case d.at < d.end: // it was raised since it was put here
			d.at = d.end
			heap.Fix(&b.byTime, 0)
			continue
		case d.end > now:
			return due, d.end
		case len(due) >= most:
			return due, now
		}
		heap.Remove(&b.byTime, 0)
		due = append(due, fsm.Timer{Kind: d.kind, Name: d.name, ID: d.id, Seq: d.seq})
	}
	return due, now + time.Hour
}

// Withdraw marks a hold whose end is to be proposed before its deadline, because its
// grant was never delivered. It returns false if the holder has renewed the hold: then
// the grant was delivered.
func (b *Deadlines) Withdraw(token uint64) bool {
	d := b.byTimer[timerKey{fsm.TimerHold, token}]
	if d == nil || d.marked() || d.kept {
		return false
	}
	heap.Remove(&b.byTime, int(d.index))
	return true
}

// Unmark removes the mark of an end that was certainly not proposed.
func (b *Deadlines) Unmark(t fsm.Timer) {
	if d := b.byTimer[timerKey{t.Kind, t.ID}]; d != nil && d.seq == t.Seq && d.marked() {
		b.place(d)
	}
}

// noticeStop moves the deadlines if the leader itself was stopped since its last poll.
func (b *Deadlines) detectStop(now time.Duration) {
	gap := now - b.lastPoll
	if b.polled && gap > StopGap {
		b.shift(now, gap)
	}
	b.lastPoll, b.polled = now, true
}

func (b *Deadlines) shift(now, gap time.Duration) {
	for _, d := range b.byTimer {
		// A deadline that was set within the gap, after the leader went on, lost only the rest of it.
		by := min(gap, now-d.renewed, d.full-d.shifted)
		if by <= 0 || d.marked() {
			continue
		}
		d.end += by
		d.shifted += by
	}
}

func duration(m fsm.Millis) time.Duration { return time.Duration(m) * time.Millisecond }
