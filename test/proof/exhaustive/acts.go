package exhaustive

import (
	"fmt"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// An act is one possible event.
type act struct {
	what string
	do   func(w *world)
}

// acts returns all possible events. An event that is impossible in a state does not change it.
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

// pass advances time and runs the leader's timer, which marks expired holds and proposes their expiry.
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

// crash makes another node the leader. The expiries that the old leader had proposed are lost, or committed in the
// next term.
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
		w.checkNewToken(r.Hold)
		w.confirm(c, n, r.Hold)
	case fsm.CodeOK:
		w.confirm(c, n, r.Hold)
	}
}

// renew renews a hold. A renewal with a short TTL moves a deadline and is not logged, unless the expiry of the hold
// was proposed: then it is logged after that.
func (w *world) renew(c, n int) {
	b := w.held[c][n]
	if b.token == 0 {
		return
	}
	h, code := fsm.FindHold(w.machine.Lease(name(n)), session(c), b.token)
	if code != fsm.CodeOK {
		w.lose(c, n)
		return
	}
	if _, ok := w.deadlines.Renew(w.now, h.Token); ok {
		w.confirm(c, n, h)
		return
	}
	w.settle()
	out := w.commit(&fsm.Renew{Name: name(n), Session: session(c), Token: b.token})
	if r := out.Results[0]; r.Code == fsm.CodeOK {
		w.confirm(c, n, r.Hold)
	} else {
		w.lose(c, n)
	}
}

func (w *world) release(c, n int) {
	b := w.held[c][n]
	if b.token == 0 {
		return
	}
	w.held[c][n] = belief{} // when the request is sent
	w.settle()
	w.commit(&fsm.Release{Name: name(n), Session: session(c), Token: b.token})
}

// becomesFree stops all requests of the clients and checks that their leases become free in time: after a TTL, one
// more for a pause and for a crash each, and for each waiter.
func (w *world) becomesFree() {
	for range (clients + 2) * 3 * int(ttl) / int(tick.Milliseconds()) {
		w.pass(1)
		w.settle()
		w.check()
	}
	for n := range names {
		if l := w.machine.Lease(name(n)); len(l.Holds) > 0 {
			w.breaks("%s is still held by %s, which sends no requests", l.Name, l.Holds[0].Holder)
		}
	}
}
