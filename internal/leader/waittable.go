package leader

import (
	"cmp"
	"container/heap"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

// waitTable is the leader's table of acquires that wait. It is not safe for concurrent
// use.
type waitTable struct {
	salt  string // sessions are sealed with it, like those of the machine
	byKey map[waitKey]*wait
	byEnd waitHeap
}

type waitKey struct{ name, session string }

// A wait is one acquire that waits.
type wait struct {
	name, session string
	attempt       fsm.AttemptID
	arrival       time.Duration
	end           time.Duration // when it runs out
	respond       func(fsm.Reply, error)

	index  int  // in byEnd; -1: not in it
	queued bool // its acquire is applied, and its ticket was in the queue; before, its outcome is unknown
}

func newWait(c *fsm.Acquire, arrival time.Duration, respond func(fsm.Reply, error)) *wait {
	return &wait{
		name: c.Name, session: c.Session, attempt: c.AttemptID, arrival: arrival,
		end: arrival + duration(c.Wait), respond: respond,
	}
}

func (w *wait) key() waitKey { return waitKey{w.name, w.session} }

// endCommand returns the command that ends the wait when it has run out; its result is the
// answer.
func (w *wait) endCommand() *fsm.EndWait {
	return &fsm.EndWait{Name: w.name, Session: w.session, AttemptID: w.attempt}
}

// maxWaits bounds the table.
const maxWaits = 100_000

func newWaitTable() *waitTable { return &waitTable{byKey: make(map[waitKey]*wait)} }

// add enters a wait. It replaces an older one of the session, which is returned. A wait does
// not run out before it is queued.
func (t *waitTable) add(w *wait) (superseded *wait) {
	w.session = access.SealSession(t.salt, w.session)
	old := t.byKey[w.key()]
	if old != nil {
		t.remove(old)
	}
	t.byKey[w.key()], w.index = w, -1
	return old
}

// queue records that the acquire is applied and its ticket is in the queue: from now on the
// wait may run out. If its end overtook its acquire, the end would find no ticket, and the
// caller would be refused what it is granted later.
func (t *waitTable) queue(w *wait) {
	if t.byKey[w.key()] == w && !w.queued {
		w.queued = true
		heap.Push(&t.byEnd, w)
	}
}

// remove removes a wait and reports whether it was there: the caller that removes it answers
// it.
func (t *waitTable) remove(w *wait) bool {
	if t.byKey[w.key()] != w {
		return false
	}
	delete(t.byKey, w.key())
	if w.index >= 0 {
		heap.Remove(&t.byEnd, w.index)
	}
	return true
}

// granted removes the wait that a grant answers, if it is in the table under the grant's own
// attempt.
func (t *waitTable) granted(g fsm.Grant) *wait {
	return t.removeOf(g.Name, g.Hold.Session, g.Hold.AttemptID)
}

// cleanedUp removes the wait that a clean-up ends.
func (t *waitTable) cleanedUp(c *fsm.CancelAcquire) *wait {
	return t.removeOf(c.Name, c.Session, c.AttemptID)
}

func (t *waitTable) removeOf(name, session string, attempt fsm.AttemptID) *wait {
	w := t.byKey[waitKey{name, access.SealSession(t.salt, session)}]
	if w == nil || w.attempt != attempt {
		return nil
	}
	t.remove(w)
	return w
}

// departed lets a wait run out now whose ticket has left the queue, because its session
// released it. It reports whether there is one.
func (t *waitTable) departed(d fsm.Departure, now time.Duration) bool {
	w := t.byKey[waitKey{d.Name, d.Session}]
	if w == nil || w.attempt != d.AttemptID {
		return false
	}
	w.end = min(w.end, now)
	if w.index >= 0 {
		heap.Fix(&t.byEnd, w.index)
	}
	return true
}

// due returns the waits in the queue that have run out; they stay in the table until their
// end is applied. Next is when the next one runs out, if there is one.
func (t *waitTable) due(now time.Duration) (due []*wait, next time.Duration, ok bool) {
	for len(t.byEnd) > 0 {
		w := t.byEnd[0]
		if w.end > now {
			return due, w.end, true
		}
		heap.Pop(&t.byEnd)
		due = append(due, w)
	}
	return due, 0, false
}

func (t *waitTable) len() int { return len(t.byKey) }

// seal seals the sessions of the waits. It has no effect if they are sealed already.
func (t *waitTable) seal(salt string) {
	if t.salt == salt {
		return
	}
	all := t.byKey
	t.salt, t.byKey = salt, make(map[waitKey]*wait, len(all))
	for _, w := range all {
		w.session = access.SealSession(salt, w.session)
		t.byKey[w.key()] = w
	}
}

// drain removes every wait, in the order of names and sessions.
func (t *waitTable) drain() []*wait {
	all := slices.SortedFunc(maps.Values(t.byKey), func(a, b *wait) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.session, b.session))
	})
	t.byKey, t.byEnd = make(map[waitKey]*wait), nil
	return all
}

// waitHeap orders waits by their end.
type waitHeap []*wait

func (h waitHeap) Len() int           { return len(h) }
func (h waitHeap) Less(i, j int) bool { return h[i].end < h[j].end }
func (h waitHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *waitHeap) Push(x any) {
	w := x.(*wait)
	w.index = len(*h)
	*h = append(*h, w)
}

func (h *waitHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	w.index = -1
	return w
}
