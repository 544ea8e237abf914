package exhaustive

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// The scope: few clients and names, and a TTL of two ticks. A tick is the longest pause of a leader that does not
// count as stopped.
const (
	clients = 3
	names   = 2
	tick    = leader.StopGap
	ttl     = fsm.Millis(2 * tick / time.Millisecond)
	promise = time.Duration(ttl-(ttl+999)/1000) * time.Millisecond
	crashes = 1
	pauses  = 1
)

// A world is a cluster reduced to the state machine, the deadlines of one leader, and the promises to clients. There
// is one clock. Entries are committed when they are proposed, except expiries, which are in flight for a while.
type world struct {
	machine   *fsm.Machine
	deadlines *leader.Deadlines
	now       time.Duration
	term      uint64
	ends      []fsm.Timer // proposed by the leader of this term, not committed
	late      []fsm.Timer // proposed by an earlier leader, committed in this term
	held      [clients][names]belief
	token     uint64 // the highest token so far
	crashes   int
	pauses    int
	attempt   uint64
	broken    string // the first broken rule
}

// A belief is what a client knows about one lease.
type belief struct {
	token uint64
	until time.Duration
}

func newWorld() *world {
	w := &world{machine: fsm.New(), deadlines: leader.NewDeadlines(), term: 1}
	w.deadlines.Due(0, 1) // the first run of the leader's timer
	return w
}

func session(c int) string { return fmt.Sprintf("session-of-client-%d", c) }
func holder(c int) string  { return fmt.Sprintf("c%d", c) }
func name(n int) string    { return fmt.Sprintf("n%d", n) }

func (w *world) breaks(format string, args ...any) {
	if w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
	}
}

func (w *world) stamp() fsm.Millis { return fsm.Millis(w.now / time.Millisecond) }

// commit applies an entry of the leader of this term.
func (w *world) commit(commands ...fsm.Command) *fsm.Applied {
	out := w.machine.Apply(w.term, &fsm.Entry{Version: 1, Term: w.term, Stamp: w.stamp(), Commands: commands})
	w.deadlines.Apply(w.now, w.stamp(), out.Timers)
	for _, g := range out.Grants {
		w.confirm(clientOf(g.Hold.Session), nameOf(g.Name), g.Hold)
	}
	return out
}

func clientOf(session string) int { return int(session[len(session)-1] - '0') }
func nameOf(name string) int      { return int(name[1] - '0') }

// settle commits the expiries in flight, because a later entry follows them in the log. Expiries of an earlier leader
// must change nothing.
func (w *world) settle() {
	if len(w.late) > 0 {
		before := w.machine.Revision()
		for _, t := range w.late {
			w.machine.Apply(w.term, &fsm.Entry{Version: 1, Term: w.term - 1, Stamp: w.stamp(), Commands: []fsm.Command{t.Expire()}})
		}
		if w.machine.Revision() != before {
			w.breaks("a decision of an earlier term took effect")
		}
		w.late = nil
	}
	ends := w.ends
	w.ends = nil
	for _, t := range ends {
		w.commit(t.Expire())
	}
}

// confirm records a response that confirms a hold.
func (w *world) confirm(c, n int, h *fsm.Hold) {
	w.held[c][n] = belief{h.Token, w.now + promise}
	w.token = max(w.token, h.Token)
}

// checkNewToken checks the token of a new hold.
func (w *world) checkNewToken(h *fsm.Hold) {
	if h.Token <= w.token {
		w.breaks("token %d was granted after %d", h.Token, w.token)
	}
}

// lose records a response that reports the loss of a hold.
func (w *world) lose(c, n int) {
	if w.held[c][n].until > w.now {
		w.breaks("%s lost %s with %v of its promise left", holder(c), name(n), w.held[c][n].until-w.now)
	}
	w.held[c][n] = belief{}
}

// check checks the rules that hold in every state.
func (w *world) check() {
	for n := range names {
		l := w.machine.Lease(name(n))
		if len(l.Holds) > 1 {
			w.breaks("%s has %d holders", l.Name, len(l.Holds))
		}
		if len(l.Queue) > 0 && len(l.Holds) == 0 {
			w.breaks("%s waits for %s, which is free", l.Queue[0].Holder, l.Name)
		}
		owners := 0
		for c := range clients {
			b := w.held[c][n]
			if b.until <= w.now {
				continue
			}
			owners++
			if h := l.HoldOf(session(c)); h == nil || h.Token != b.token {
				w.breaks("%s was promised %s for %v more, and does not hold it", holder(c), l.Name, b.until-w.now)
			}
		}
		if owners > 1 {
			w.breaks("%d clients rely on %s", owners, l.Name)
		}
	}
}

// key encodes the relevant part of a state: two states with the same key behave the same.
func (w *world) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d%d|", w.crashes, w.pauses)
	for n := range names {
		l := w.machine.Lease(name(n))
		for _, h := range l.Holds {
			left, renewed, _ := w.deadlines.Remaining(w.now, fsm.TimerHold, h.Token)
			fmt.Fprintf(&b, "%s:%d:%d", h.Holder, left/tick, min(renewed/tick, 4))
		}
		for _, t := range l.Queue {
			left, _, _ := w.deadlines.Remaining(w.now, fsm.TimerTicket, t.ID)
			fmt.Fprintf(&b, "<%s:%d", t.Holder, left/tick)
		}
		for c := range clients {
			beliefs := w.held[c][n]
			h := l.HoldOf(session(c))
			fmt.Fprintf(&b, ",%d%t%t", max(0, beliefs.until-w.now)/tick, beliefs.token != 0, h != nil && h.Token == beliefs.token)
		}
		b.WriteByte('|')
	}
	for _, t := range w.ends {
		fmt.Fprintf(&b, "e%d%s", t.Kind, t.Name)
	}
	for _, t := range w.late {
		fmt.Fprintf(&b, "l%d%s", t.Kind, t.Name)
	}
	return b.String()
}
