package leader

import (
	"slices"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

const (
	firstSession  = "first-session-0001"
	secondSession = "second-session-001"
)

// testHost runs a term in simulated time. Its log takes a millisecond for each entry,
// one after the other, and its followers answer heartbeats, as long as a test does not
// change that.
type testHost struct {
	t       *testing.T
	now     time.Duration
	replica *Replica
	term    *Term
	rounds  *Rounds
	woken   [Tasks]bool
	due     [Tasks]time.Duration
	later   []later

	voters     []string
	deposed    bool // Raft no longer leads
	silent     bool // no follower answers
	logs       func(entry []byte, done func(*fsm.Applied, error))
	proposed   []proposed
	inFlight   int
	mostFlight int
	reports    []error
}

// proposed is an entry that the term proposed.
type proposed struct {
	at    time.Duration
	entry *fsm.Entry
}

// later is something that happens at a time.
type later struct {
	at time.Duration
	do func()
}

func newTestHost(t *testing.T) *testHost {
	t.Helper()
	h := &testHost{t: t, now: time.Minute, replica: NewReplica(), rounds: NewRounds(), voters: []string{"a", "b", "c"}}
	h.logs = h.commit
	h.term = Begin(Config{Host: h, Number: 1, Self: "a", Rounds: h.rounds, StampPause: StampPause}, h.replica)
	return h
}

func (h *testHost) Now() time.Duration      { return h.now }
func (h *testHost) Wall() int64             { return 0 }
func (h *testHost) View(f func(r *Replica)) { f(h.replica) }
func (h *testHost) CommitIndex() uint64     { return h.replica.Index }
func (h *testHost) Leads(term uint64) bool  { return !h.deposed && term == 1 }
func (h *testHost) Voters() []string        { return h.voters }
func (h *testHost) Wake(task Task)          { h.woken[task] = true }
func (h *testHost) Go(f func())             { h.after(time.Millisecond, f) }
func (h *testHost) Renewed(uint64, float64) {}
func (h *testHost) Report(err error)        { h.reports = append(h.reports, err) }
func (h *testHost) after(d time.Duration, do func()) {
	h.later = append(h.later, later{h.now + d, do})
}

func (h *testHost) Heartbeat() {
	round := h.rounds.Sent()
	h.after(time.Millisecond, func() {
		if !h.silent && h.rounds.Answered("b", 1, round) {
			h.term.Acked()
		}
	})
}

func (h *testHost) Propose(data []byte, done func(*fsm.Applied, error)) {
	entry, err := fsm.DecodeEntry(data)
	if err != nil {
		h.t.Fatal(err)
	}
	h.proposed = append(h.proposed, proposed{h.now, entry})
	h.inFlight++
	h.mostFlight = max(h.mostFlight, h.inFlight)
	h.logs(data, func(out *fsm.Applied, err error) {
		h.inFlight--
		done(out, err)
	})
}

// commit applies an entry a millisecond later.
func (h *testHost) commit(data []byte, done func(*fsm.Applied, error)) {
	h.after(time.Millisecond, func() { done(h.apply(data), nil) })
}

func (h *testHost) apply(data []byte) *fsm.Applied {
	entry, err := fsm.DecodeEntry(data)
	if err != nil {
		h.t.Fatal(err)
	}
	out := h.replica.Apply(h.now, h.replica.Index+1, 1, entry)
	h.term.Applied(h.replica.Machine, out)
	h.term.Reached(h.replica.Index)
	h.term.Deliver(entry.Stamp, out)
	return out
}

// run lets everything happen that is due within a duration.
func (h *testHost) run(d time.Duration) {
	for end := h.now + d; ; {
		if h.runTask() {
			continue
		}
		next := slices.Min(h.due[:])
		for _, l := range h.later {
			next = min(next, l.at)
		}
		if next > end {
			h.now = end
			return
		}
		h.now = max(h.now, next)
		for i, l := range h.later {
			if l.at <= h.now {
				h.later = slices.Delete(h.later, i, i+1)
				l.do()
				break
			}
		}
	}
}

// runTask runs one task that is woken or due.
func (h *testHost) runTask() bool {
	for task := range Task(Tasks) {
		if h.woken[task] || h.due[task] <= h.now {
			h.woken[task] = false
			h.due[task] = h.term.Run(task)
			return true
		}
	}
	return false
}

// received is the answer that a caller received.
type received struct {
	reply fsm.Reply
	err   error
	count int
}

// submit sends a command, and returns what will be answered.
func (h *testHost) submit(c fsm.Command) *received {
	got := &received{}
	h.term.Submit(c, h.now, func(r fsm.Reply, err error) {
		got.reply, got.err = r, err
		got.count++
	})
	return got
}

// do sends a command and expects an answer of a code.
func (h *testHost) do(c fsm.Command, want fsm.Code) fsm.Reply {
	h.t.Helper()
	got := h.submit(c)
	h.run(100 * time.Millisecond)
	if got.count != 1 || got.err != nil || got.reply.Code != want {
		h.t.Fatalf("%T: %d answers, %v, %v; want %v", c, got.count, got.reply.Code, got.err, want)
	}
	return got.reply
}

func (h *testHost) lease(name string) *fsm.Lease { return h.replica.Machine.Lease(name) }

// ends returns the entries that propose an end, with how many.
func (h *testHost) ends() (entries []proposed, count int) {
	for _, p := range h.proposed {
		if _, ok := p.entry.Commands[0].(*fsm.Expire); ok {
			entries = append(entries, p)
			count += len(p.entry.Commands)
		}
	}
	return entries, count
}

func acquireOf(name, session string, ttl fsm.Millis) *fsm.Acquire {
	return &fsm.Acquire{Name: name, Holder: "x", Session: session, TTL: ttl, Limit: 1, AttemptID: fsm.AttemptID{Boot: 1, N: 1}}
}

func waitOf(name, session string, attempt uint64, wait fsm.Millis) *fsm.Acquire {
	c := acquireOf(name, session, 60_000)
	c.Wait, c.AttemptID = wait, fsm.AttemptID{Boot: 2, N: attempt}
	return c
}
