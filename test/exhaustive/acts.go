package exhaustive

import (
	"fmt"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// An act is one thing that may happen next.
type act struct {
	what string
	do   func(w *world)
}

// acts are all that may ever happen. One that cannot happen in a state changes
// nothing there.
func acts() []act {
	all := []act{
		{"tick", func(w *world) { w.pass(1) }},
		{"commit", (*world).settle},
		{"pause", (*world).pause},
		{"crash", func(w *world) { w.crash(false) }},
		{"crash, its last entries committed late", func(w *world) { w.crash(true) }},
	}
	for c := range clients {
		for n := range names {
			all = append(all,
				act{fmt.Sprintf("c%d acquires n%d", c, n), func(w *world) { w.acquire(c, n) }},
				act{fmt.Sprintf("c%d renews n%d", c, n), func(w *world) { w.renew(c, n) }},
				act{fmt.Sprintf("c%d releases n%d", c, n), func(w *world) { w.release(c, n) }},
			)
		}
	}
	return all
}

// pass lets time go by, and then the leader poll: what has run out is marked
// and its end proposed.
func (w *world) pass(ticks int) {
	for range ticks {
		w.now += tick
	}
	due, _ := w.deadlines.Due(w.now, fsm.MaxEntryCommands)
	w.ends = append(w.ends, due...)
}

// pause stops the leader for longer than StopGap.
func (w *world) pause() {
	if w.pauses < pauses {
		w.pauses++
		w.pass(3)
	}
}

// crash makes another node the leader. The ends that the former one had proposed
// are lost, or committed in the next term.
func (w *world) crash(late bool) {
	if w.crashes == crashes || late && len(w.ends) == 0 {
		return
	}
	w.crashes++
	if late {
		w.late = w.ends
	}
	w.ends = nil
	w.term++
	w.deadlines = leader.NewDeadlines()
	var timers []fsm.Timer
	w.machine.Timers(func(t fsm.Timer) { timers = append(timers, t) })
	w.deadlines.Apply(w.now, w.stamp(), timers)
	w.deadlines.Due(w.now, 0)
}

func (w *world) acquire(c, n int) {
	if w.held[c][n].token != 0 || w.machine.Lease(name(n)).Place(session(c)) >= 0 {
		return
	}
	w.settle()
	w.attempt++
	out := w.commit(&fsm.Acquire{
		Name: name(n), Holder: holder(c), Session: session(c), TTL: ttl, Wait: fsm.MaxWait, Limit: 1,
		AttemptID: fsm.AttemptID{Boot: 1, N: w.attempt},
	})
	switch r := out.Results[0]; r.Code {
	case fsm.CodeGranted:
		w.grantedAnew(r.Hold)
		w.tell(c, n, r.Hold)
	case fsm.CodeOK:
		w.tell(c, n, r.Hold)
	}
}

// renew is the leader's way: a short renewal raises a deadline and is written
// nowhere, unless its hold's end was proposed: then it stands behind that.
func (w *world) renew(c, n int) {
	b := w.held[c][n]
	if b.token == 0 {
		return
	}
	h, code := w.machine.Lease(name(n)).Held(session(c), b.token)
	if code != fsm.CodeOK {
		w.told(c, n)
		return
	}
	if _, ok := w.deadlines.Renew(w.now, h.Token); ok {
		w.tell(c, n, h)
		return
	}
	w.settle()
	out := w.commit(&fsm.Renew{Name: name(n), Session: session(c), Token: b.token})
	if r := out.Results[0]; r.Code == fsm.CodeOK {
		w.tell(c, n, r.Hold)
	} else {
		w.told(c, n)
	}
}

func (w *world) release(c, n int) {
	b := w.held[c][n]
	if b.token == 0 {
		return
	}
	w.held[c][n] = belief{} // from the moment of sending
	w.settle()
	w.commit(&fsm.Release{Name: name(n), Session: session(c), Token: b.token})
}

// becomesFree lets all clients fall silent, and sees that what they held is free
// after its time: a TTL, one more for a pause and for a crash each, and for each of
// those who still waited.
func (w *world) becomesFree() {
	for range (clients + 2) * 3 * int(ttl) / int(tick.Milliseconds()) {
		w.pass(1)
		w.settle()
		w.look()
	}
	for n := range names {
		if l := w.machine.Lease(name(n)); len(l.Holds) > 0 {
			w.breaks("%s is still held by %s, who is long silent", l.Name, l.Holds[0].Holder)
		}
	}
}
