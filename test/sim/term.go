package sim

import (
	"errors"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// A term is what package cluster runs for a leader, without its goroutines.
type term struct {
	n      *node
	number uint64
	state  *leader.State
	waits  *leader.Waits
	closed bool

	// The packer.
	lanes    *leader.Lanes[proposal]
	inFlight []*flight
	packing  bool

	// The confirmer.
	checks    []leader.Check
	batch     *leader.Batch
	answering bool

	// The job that ends what is due.
	open     []fsm.Timer // the ends whose outcome is awaited
	lastTurn time.Duration
	wakeAt   time.Duration
	stamping bool
}

type proposal struct {
	command fsm.Command
	arrival time.Duration
	respond func(fsm.Result, leader.Timing, error)
}

// longestTurn is the longest pause between two turns of the job.
const longestTurn = 50 * time.Millisecond

// lead follows Raft's word on leadership: it ends a term that is over and begins
// one once a Barrier of it is applied.
func (n *node) lead() {
	if t := n.serving; t != nil && (n.role != leading || n.term != t.number) {
		t.end()
	}
	if n.serving != nil || n.role != leading || n.mute {
		return
	}
	number := n.term
	begin := func(_ *fsm.Applied, err error) {
		if err == nil && n.serving == nil && n.role == leading && n.term == number && !n.mute {
			n.begin(number)
		}
	}
	n.submit(func() {
		if n.role == leading && n.term == number {
			n.append(&record{term: number}, begin)
		}
	})
}

// begin builds the book, attaches the term to apply and opens the gate.
func (n *node) begin(number uint64) {
	t := &term{n: n, number: number, waits: leader.NewWaits(), lanes: leader.NewLanes[proposal](), lastTurn: n.local()}
	t.state = leader.Begin(n.machine, n.local(), n.stamped)
	n.attached, n.serving = t, t
	n.w.truth.began(n)
	t.turn()
	t.keepTime()
}

// stands is the gate: this term is the one that serves.
func (t *term) stands() bool {
	n := t.n
	return n.serving == t && n.role == leading && n.term == t.number
}

// end closes the gate and answers what still waits.
func (t *term) end() {
	n := t.n
	if n.serving != t {
		return
	}
	n.serving, n.attached, t.closed = nil, nil, true
	for _, p := range t.lanes.Drain() {
		p.respond(fsm.Result{}, leader.Timing{}, fsm.ErrNoLeader)
	}
	for _, f := range t.inFlight {
		n.after(lastAnswers, func() { f.settle(nil, fsm.ErrUnknown) })
	}
	checks := t.checks
	if t.batch != nil {
		checks = append(t.batch.Checks, checks...)
	}
	t.checks, t.batch = nil, nil
	for _, c := range checks {
		c.Respond(fsm.ErrNoLeader)
	}
	for _, w := range t.waits.Drain() {
		w.Respond(fsm.Reply{}, fsm.ErrUnknown)
	}
}

// lastAnswers is how long a term that ended waits for the outcome of entries.
const lastAnswers = 250 * time.Millisecond

// propose queues a command for the packer.
func (t *term) propose(p proposal) {
	switch {
	case t.closed:
		p.respond(fsm.Result{}, leader.Timing{}, fsm.ErrNoLeader)
	case !t.lanes.Add(p.command, 0, p):
		p.respond(fsm.Result{}, leader.Timing{}, fsm.ErrOverloaded)
	default:
		t.kick()
	}
}

// kick lets the packer pack what waits, a moment later.
func (t *term) kick() {
	if t.packing || t.closed || len(t.inFlight) >= 2 || t.lanes.Waiting() == 0 {
		return
	}
	t.packing = true
	t.n.soon(func() {
		t.packing = false
		if t.closed {
			return
		}
		t.pack()
		t.kick()
	})
}

// A flight is one packed entry whose outcome is awaited.
type flight struct {
	t       *term
	batch   []proposal
	at      leader.Timing
	settled bool
}

func (t *term) pack() {
	n := t.n
	f := &flight{t: t, batch: t.lanes.Take()}
	now := n.local()
	stamp := t.state.Clock.Cluster(now)
	f.at = leader.Timing{Packed: now, Stamped: t.state.Clock.Local(stamp)}
	commands := make([][]byte, len(f.batch))
	for i, p := range f.batch {
		b, err := fsm.EncodeCommand(p.command, fsm.EntryVersion)
		if err != nil {
			n.w.breaks("a command cannot be encoded: %v", err)
		}
		commands[i] = b
	}
	entry, err := fsm.DecodeEntry(fsm.Pack(fsm.EntryVersion, t.number, stamp, int64(stamp), commands))
	if err != nil {
		n.w.breaks("an entry cannot be read: %v", err)
		return
	}
	t.inFlight = append(t.inFlight, f)
	n.submit(func() {
		if n.role != leading {
			f.settle(nil, fsm.ErrNoLeader)
			return
		}
		n.append(&record{term: n.term, entry: entry}, f.settle) // in whatever term Raft is by now
	})
}

func (f *flight) settle(out *fsm.Applied, err error) {
	if f.settled {
		return
	}
	f.settled = true
	t := f.t
	for i, o := range t.inFlight {
		if o == f {
			t.inFlight = append(t.inFlight[:i:i], t.inFlight[i+1:]...)
			break
		}
	}
	for i, p := range f.batch {
		if err != nil {
			p.respond(fsm.Result{}, leader.Timing{}, err)
			continue
		}
		at := f.at
		at.Arrival = p.arrival
		p.respond(out.Results[i], at, nil)
	}
	t.kick()
}

// check queues a question that a round must confirm.
func (t *term) check(c leader.Check) {
	if t.closed {
		c.Respond(fsm.ErrNoLeader)
		return
	}
	t.checks = append(t.checks, c)
	t.n.soon(t.gather)
}

// gather begins a round, unless one is under way.
func (t *term) gather() {
	if t.batch != nil || len(t.checks) == 0 || t.closed {
		return
	}
	b := t.n.rounds.Gather(t.checks)
	t.batch, t.checks = &b, nil
	t.nudge(t.batch)
	t.confirm()
}

// nudge sends heartbeats until the batch is confirmed.
func (t *term) nudge(b *leader.Batch) {
	if t.batch != b || t.answering {
		return
	}
	t.n.heartbeat()
	t.n.after(50*time.Millisecond, func() { t.nudge(b) })
}

// confirm answers the batch, step by step, once its round is confirmed: between
// the steps anything may happen.
func (t *term) confirm() {
	n, b := t.n, t.batch
	if b == nil || t.answering || n.applied < b.Commit ||
		!n.rounds.Confirmed(t.number, b.Round, n.w.names(), name(n.id)) {
		return
	}
	t.answering = true
	n.soon(func() {
		if t.closed {
			return // end has answered
		}
		stands := t.stands()
		n.soon(func() {
			if t.closed {
				return
			}
			t.answering, t.batch = false, nil
			if stands {
				b.Look(n.machine)
			}
			n.soon(func() {
				var err error
				if !stands {
					err = fsm.ErrNoLeader
				}
				b.Respond(err)
				t.gather()
			})
		})
	})
}

// catchUp takes the turns that a job which runs all the time has taken by now.
// They are not events of their own: nothing would come of them.
func (t *term) catchUp() {
	now := t.n.local()
	if t.lastTurn < t.n.resumed {
		return // it was stopped, and has not taken a turn since
	}
	for t.lastTurn+8*longestTurn < now {
		t.lastTurn += 8 * longestTurn
		t.state.Deadlines.Due(t.lastTurn, 0)
	}
}

// wake lets the job take a turn in a while, unless it will sooner.
func (t *term) wake(d time.Duration) {
	at := t.n.local() + max(d, 0)
	if t.wakeAt > t.n.local() && t.wakeAt <= at {
		return
	}
	t.wakeAt = at
	t.n.after(d, func() {
		if t.wakeAt == at || t.n.local() >= t.wakeAt {
			t.turn()
		}
	})
}

// turn is a turn of leader.Run.
func (t *term) turn() {
	if t.closed {
		return
	}
	t.catchUp()
	most := fsm.MaxEntryCommands
	if t.open != nil {
		most = 0
	}
	now := t.n.local()
	t.lastTurn = now
	due, next := t.state.Deadlines.Due(now, most)
	if t.open != nil {
		t.wake(longestTurn)
		return
	}
	if len(due) > 0 {
		t.decide(due)
	}
	t.wakeAt = 0
	t.wake(max(next-now, time.Millisecond))
}

// decide proposes ends and settles them when all outcomes are known.
func (t *term) decide(due []fsm.Timer) {
	t.open = due
	left := len(due)
	var failed error
	for _, e := range due {
		t.propose(proposal{command: e.Expire(), respond: func(_ fsm.Result, _ leader.Timing, err error) {
			if err != nil && !errors.Is(failed, fsm.ErrUnknown) {
				failed = err
			}
			if left--; left > 0 {
				return
			}
			t.open = nil
			if t.closed {
				return
			}
			if failed != nil && !errors.Is(failed, fsm.ErrUnknown) {
				for _, e := range due {
					t.state.Deadlines.Unmark(e)
				}
			}
			t.wake(20 * time.Millisecond)
		}})
	}
}

// stampPause is how old the last stamp gets while a deadline goes by the cluster's clock.
const stampPause = 30 * time.Second

// keepTime writes a stamp where nothing else does.
func (t *term) keepTime() {
	if t.closed {
		return
	}
	if t.state.Deadlines.Stamped() && t.n.local()-t.n.stamped >= stampPause && !t.stamping {
		t.stamping = true
		t.propose(proposal{command: &fsm.Stamp{}, respond: func(fsm.Result, leader.Timing, error) { t.stamping = false }})
	}
	t.n.after(stampPause/4, t.keepTime)
}
