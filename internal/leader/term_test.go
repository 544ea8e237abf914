package leader

import (
	"errors"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// isMarked reports whether the end of a session's hold is decided, so that its renewal
// goes through the log.
func isMarked(h *testHost, name, session string) bool {
	_, renews := h.term.state.deadlines.Renew(h.now, h.lease(name).HoldOf(session).Token)
	return !renews
}

func TestARenewalNeedsAQuorumAndNoEntry(t *testing.T) {
	h := newTestHost(t)
	hold := h.do(acquireOf("l", firstSession, 10_000), fsm.CodeGranted)
	entries := len(h.proposed)
	if r := h.do(&fsm.Renew{Name: "l", Session: firstSession}, fsm.CodeOK); r.Hold.Seq != hold.Hold.Seq || len(h.proposed) != entries {
		t.Error("a renewal that changes nothing wrote an entry")
	}
	h.silent = true
	got := h.submit(&fsm.Renew{Name: "l", Session: firstSession})
	h.run(5 * time.Second)
	if got.count != 0 {
		t.Fatalf("a renewal was answered without a quorum: %v, %v", got.reply.Code, got.err)
	}
	h.silent = false
	if h.run(100 * time.Millisecond); got.count != 1 || got.reply.Code != fsm.CodeOK {
		t.Errorf("%d answers, %v, %v", got.count, got.reply.Code, got.err)
	}
	long := acquireOf("long", firstSession, 90_000)
	h.do(long, fsm.CodeGranted)
	entries = len(h.proposed)
	if h.do(&fsm.Renew{Name: "long", Session: firstSession}, fsm.CodeOK); len(h.proposed) != entries+1 {
		t.Error("a renewal of a long TTL wrote no entry")
	}
}

// A term that was replaced while a round was confirmed answers no check of it.
func TestAReplacedTermAnswersNoCheck(t *testing.T) {
	h := newTestHost(t)
	h.do(acquireOf("l", firstSession, 10_000), fsm.CodeGranted)
	got := h.submit(&fsm.Renew{Name: "l", Session: firstSession})
	for range 2 { // gather, then the answer of the follower
		h.runTask()
	}
	h.rounds.Answered("b", 1, h.rounds.Sent())
	h.deposed = true
	h.run(100 * time.Millisecond)
	if got.count != 1 || !errors.Is(got.err, fsm.ErrNoLeader) {
		t.Errorf("%d answers, %v, %v", got.count, got.reply.Code, got.err)
	}
}

// A read sees what was committed when it arrived, and waits until that is applied.
func TestEveryReadNeedsAQuorum(t *testing.T) {
	for _, q := range []fsm.Query{
		{Kind: fsm.QueryLease, Name: "l"}, {Kind: fsm.QueryHistory, Name: "l"}, {Kind: fsm.QueryList, Limit: 1},
		{Kind: fsm.QueryList, Selection: fsm.Selection{Holder: "x"}, Limit: 1}, {Kind: fsm.QueryExplain, Name: "l"},
	} {
		h := newTestHost(t)
		h.silent = true
		answers := 0
		h.term.Query(q, func(fsm.Answer, error) { answers++ })
		if h.run(5 * time.Second); answers != 0 {
			t.Errorf("%+v was answered without a quorum", q)
		}
		h.silent = false
		if h.run(100 * time.Millisecond); answers != 1 {
			t.Errorf("%+v: %d answers with a quorum", q, answers)
		}
	}
}

func TestAReadWaitsForWhatIsCommitted(t *testing.T) {
	h := newTestHost(t)
	committed := &commitAhead{testHost: h}
	h.term = Begin(Config{Host: committed, Number: 1, Self: "a", Rounds: h.rounds, StampPause: StampPause}, h.replica)
	answers := 0
	h.term.Query(fsm.Query{Kind: fsm.QueryLease, Name: "l"}, func(fsm.Answer, error) { answers++ })
	if h.run(time.Second); answers != 0 {
		t.Fatal("a read was answered before the entry was applied")
	}
	h.do(acquireOf("l", firstSession, 10_000), fsm.CodeGranted)
	if answers != 1 {
		t.Errorf("%d answers after the entry was applied", answers)
	}
}

// commitAhead is a host whose Raft has committed one entry that is not applied.
type commitAhead struct{ *testHost }

func (commitAhead) CommitIndex() uint64 { return 1 }

// A clean-up that arrives before the grants that it is for marks each of them.
func TestACleanUpBeforeItsGrantsMarksEachOfThem(t *testing.T) {
	h := newTestHost(t)
	c := &fsm.AcquireAll{Names: []string{"a", "b"}, Holder: "x", Session: firstSession, TTL: 1_000, AttemptID: fsm.AttemptID{Boot: 1, N: 1}}
	for _, l := range c.Cancels() {
		if h.term.state.beginCleanUp(h.replica.Machine, l) == nil {
			t.Error("a clean-up has nothing to clean up")
		}
	}
	h.do(c, fsm.CodeGranted)
	for _, name := range c.Names {
		if !isMarked(h, name, firstSession) {
			t.Errorf("the hold of %s was not marked", name)
		}
	}
}

// A clean-up that comes before its grant marks it as it is applied, and the hold's
// renewal then goes through the log. If the clean-up is certainly not applied, the mark
// is removed.
func TestARefusedCleanUpRemovesItsMark(t *testing.T) {
	h := newTestHost(t)
	c := acquireOf("l", firstSession, 1_000)
	h.term.state.beginCleanUp(h.replica.Machine, c.Cancels()[0])
	hold := h.do(c, fsm.CodeGranted)
	if !isMarked(h, "l", firstSession) {
		t.Fatal("the hold was not marked")
	}
	if r := h.do(&fsm.Renew{Name: "l", Session: firstSession}, fsm.CodeOK); r.Hold.Seq == hold.Hold.Seq {
		t.Error("a renewal of a marked hold did not go through the log")
	}
	c = acquireOf("l2", secondSession, 1_000)
	c.AttemptID.N = 2
	h.do(c, fsm.CodeGranted)
	h.logs = func(_ []byte, done func(*fsm.Applied, error)) { done(nil, fsm.ErrNoLeader) }
	if got := h.submit(c.Cancels()[0]); !runUntil(h, got) || !errors.Is(got.err, fsm.ErrNoLeader) {
		t.Fatalf("the clean-up: %v", got.err)
	}
	if isMarked(h, "l2", secondSession) {
		t.Error("the hold is still marked")
	}
}

// runUntil runs until there is an answer.
func runUntil(h *testHost, got *received) bool {
	h.run(100 * time.Millisecond)
	return got.count == 1
}

// The ticket of a wait that has run out may be in the queue, so the outcome of the wait is
// unknown if its end fails.
func TestAWaitWhoseEndFailsIsUnknown(t *testing.T) {
	h := newTestHost(t)
	h.do(acquireOf("l", firstSession, 60_000), fsm.CodeGranted)
	got := h.submit(waitOf("l", secondSession, 1, 1_000))
	h.run(500 * time.Millisecond)
	failing(h, 1, fsm.ErrNoLeader)
	h.run(time.Second)
	if got.count != 1 || !errors.Is(got.err, fsm.ErrUnknown) {
		t.Errorf("%d answers, %v", got.count, got.err)
	}
}

func TestAWaitEndsWithAGrantOrItsPlace(t *testing.T) {
	h := newTestHost(t)
	h.do(acquireOf("l", firstSession, 60_000), fsm.CodeGranted)
	over := h.submit(waitOf("l", "over-session-00001", 1, 1_000))
	got := h.submit(waitOf("l", secondSession, 2, 30_000))
	h.run(2 * time.Second)
	if r := over.reply; over.count != 1 || over.err != nil || r.Code != fsm.CodeHeld || !r.Queued || r.Position != 1 {
		t.Errorf("the wait that ran out: %d answers, %v, queued %v at %d, %v", over.count, r.Code, r.Queued, r.Position, over.err)
	}
	h.do(&fsm.Release{Name: "l", Session: firstSession}, fsm.CodeOK)
	h.do(&fsm.Release{Name: "l", Session: "over-session-00001"}, fsm.CodeOK)
	if got.count != 1 || got.err != nil || got.reply.Code != fsm.CodeGranted {
		t.Errorf("the other wait: %d answers, %v, %v", got.count, got.reply.Code, got.err)
	}
	if n := h.term.Pending(); n != 0 {
		t.Errorf("%d are pending", n)
	}
}

// A session has one wait for a name. A wait that a later one replaces receives the place of
// the session, which may yet be granted the lease.
func TestReplacedWaitReceivesItsPlace(t *testing.T) {
	h := newTestHost(t)
	h.do(acquireOf("l", firstSession, 60_000), fsm.CodeGranted)
	older := h.submit(waitOf("l", secondSession, 1, 60_000))
	h.run(time.Second)
	newer := h.submit(waitOf("l", secondSession, 2, 60_000))
	h.run(time.Second)
	if r := older.reply; older.count != 1 || older.err != nil || r.Code != fsm.CodeSessionInUse || !r.Queued || r.Position != 1 || r.TicketIn <= 0 {
		t.Fatalf("the older one: %d answers, %v, queued %v at %d for %d ms, %v", older.count, r.Code, r.Queued, r.Position, r.TicketIn, older.err)
	}
	h.do(&fsm.Release{Name: "l", Session: firstSession}, fsm.CodeOK)
	if newer.count != 1 || newer.err != nil || newer.reply.Code != fsm.CodeGranted {
		t.Errorf("the newer one: %d answers, %v, %v", newer.count, newer.reply.Code, newer.err)
	}
}

// As long as the acquire of the older one is on its way, it may be applied.
func TestAWaitThatIsReplacedBeforeItIsAppliedIsUnknown(t *testing.T) {
	h := newTestHost(t)
	h.do(acquireOf("l", firstSession, 60_000), fsm.CodeGranted)
	older := h.submit(waitOf("l", secondSession, 1, 60_000))
	h.submit(waitOf("l", secondSession, 2, 60_000))
	if older.count != 1 || !errors.Is(older.err, fsm.ErrUnknown) {
		t.Errorf("the older one: %d answers, %v", older.count, older.err)
	}
}

// A term that ends answers everything once: what is on its way with the outcome of its
// entry, or as unknown.
func TestATermThatEndsAnswersEverything(t *testing.T) {
	h := newTestHost(t)
	h.do(acquireOf("l", firstSession, 60_000), fsm.CodeGranted)
	queued := h.submit(waitOf("l", secondSession, 1, 60_000))
	h.run(time.Second)
	var outcomes []func()
	h.logs = func(data []byte, done func(*fsm.Applied, error)) {
		outcomes = append(outcomes, func() { done(h.apply(data), nil) })
	}
	onItsWay := h.submit(acquireOf("m", firstSession, 60_000))
	h.run(10 * time.Millisecond)
	waiting := []*received{h.submit(&fsm.Renew{Name: "l", Session: firstSession}), h.submit(acquireOf("n", firstSession, 60_000))}
	h.deposed = true
	h.term.Close()
	if queued.count != 0 || onItsWay.count != 0 {
		t.Error("what may yet be decided by an entry was answered before it")
	}
	for _, done := range outcomes {
		done()
	}
	if onItsWay.count != 1 || onItsWay.reply.Code != fsm.CodeGranted {
		t.Errorf("the acquire on its way: %d answers, %v, %v", onItsWay.count, onItsWay.reply.Code, onItsWay.err)
	}
	if queued.count != 1 || !errors.Is(queued.err, fsm.ErrUnknown) {
		t.Errorf("the wait: %d answers, %v", queued.count, queued.err)
	}
	for i, w := range append(waiting, h.submit(acquireOf("o", firstSession, 1_000))) {
		if w.count != 1 || !errors.Is(w.err, fsm.ErrNoLeader) {
			t.Errorf("request %d: %d answers, %v", i, w.count, w.err)
		}
	}
	if n := h.term.Pending(); n != 0 {
		t.Errorf("%d are pending", n)
	}
}

// TestANewLeaderDoesNotKnowTheLastRenewal: short renewals are not in the log, so a leader knows of one only if it has
// received it.
func TestANewLeaderDoesNotKnowTheLastRenewal(t *testing.T) {
	h := newTestHost(t)
	renewedAgo := func() (ago fsm.Millis) {
		h.term.Query(fsm.Query{Kind: fsm.QueryLease, Name: "l"}, func(a fsm.Answer, err error) {
			if err != nil {
				t.Fatal(err)
			}
			ago = a.Views[0].Clocks[0].RenewedAgo
		})
		h.run(10 * time.Millisecond)
		return ago
	}
	h.do(acquireOf("l", firstSession, 10_000), fsm.CodeGranted)
	if h.run(2 * time.Second); renewedAgo() < 1_900 {
		t.Errorf("renewed %d ms ago", renewedAgo())
	}
	h.term.Close()
	h.term = Begin(Config{Host: h, Number: 1, Self: "a", Rounds: h.rounds, StampPause: StampPause}, h.replica)
	h.run(2 * time.Second)
	if got := renewedAgo(); got != -1 {
		t.Errorf("a new leader states that the hold was renewed %d ms ago", got)
	}
	h.do(&fsm.Renew{Name: "l", Session: firstSession}, fsm.CodeOK)
	if got := renewedAgo(); got < 0 || got > 1_000 {
		t.Errorf("after a renewal: %d ms ago", got)
	}
}
