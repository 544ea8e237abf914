package leader

import (
	"fmt"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

func TestExpireEndsWhatHasRunOut(t *testing.T) {
	h := newTestHost(t)
	h.run(time.Second)
	var want []time.Duration
	for i, ttl := range []fsm.Millis{1_000, 2_345} {
		h.do(acquireOf(fmt.Sprint("l", i), firstSession, ttl), fsm.CodeGranted)
		want = append(want, h.proposed[i].at+duration(ttl))
	}
	h.run(5 * time.Second)
	ends, _ := h.ends()
	if len(ends) != len(want) {
		t.Fatalf("%d ends were proposed, want %d", len(ends), len(want))
	}
	for i, e := range ends {
		if late := e.at - want[i]; late < 0 || late > maxPoll+10*time.Millisecond {
			t.Errorf("hold %d was ended %v after its deadline", i, late)
		}
	}
}

func TestExpireBoundsItsDecisions(t *testing.T) {
	h := newTestHost(t)
	const holds = 3*fsm.MaxEntryCommands + 5
	for i := range holds {
		h.submit(acquireOf(fmt.Sprint("l", i), firstSession, 10_000))
	}
	h.run(time.Second)
	h.proposed, h.mostFlight = nil, 0
	most := 0
	h.logs = func(data []byte, done func(*fsm.Applied, error)) {
		most = max(most, h.term.expiring.open)
		h.after(5*time.Millisecond, func() { done(h.apply(data), nil) })
	}
	h.run(15 * time.Second)
	ends, count := h.ends()
	if count != holds || len(ends) < 4 || most != maxOpen || h.mostFlight != maxInFlight {
		t.Errorf("%d ends in %d entries, %d decisions and %d entries at once", count, len(ends), most, h.mostFlight)
	}
	for _, e := range ends {
		if len(e.entry.Commands) > maxOpen*maxEnds {
			t.Errorf("an entry of %d commands", len(e.entry.Commands))
		}
	}
	if n := h.term.Pending(); n != 0 {
		t.Errorf("%d are pending at the end", n)
	}
}

// failing makes every end fail until some have failed.
func failing(h *testHost, times int, err error) {
	h.logs = func(data []byte, done func(*fsm.Applied, error)) {
		if times--; times >= 0 {
			h.after(time.Millisecond, func() { done(nil, err) })
			return
		}
		h.commit(data, done)
	}
}

func TestExpireDecidesAgainWhatWasNotProposed(t *testing.T) {
	h := newTestHost(t)
	h.do(acquireOf("l", firstSession, 1_000), fsm.CodeGranted)
	failing(h, 2, fmt.Errorf("busy: %w", fsm.ErrNoLeader))
	h.run(3 * time.Second)
	ends, _ := h.ends()
	if len(ends) != 3 || len(h.reports) != 2 || len(h.lease("l").Holds) != 0 {
		t.Fatalf("%d ends, %d reports, %d holders; want 3, 2, 0", len(ends), len(h.reports), len(h.lease("l").Holds))
	}
	if gap := ends[1].at - ends[0].at; gap < decisionPause {
		t.Errorf("decided again after %v", gap)
	}
}

func TestExpireNeverRetriesWhatMayBeApplied(t *testing.T) {
	h := newTestHost(t)
	h.do(acquireOf("l", firstSession, 1_000), fsm.CodeGranted)
	failing(h, 1, fmt.Errorf("lost: %w", fsm.ErrUnknown))
	h.run(10 * time.Second)
	if _, count := h.ends(); count != 1 {
		t.Errorf("the end was proposed %d times", count)
	}
}

// A decision that takes long is no stop of the leader: other holds still end in time.
func TestExpirePollsWhileADecisionIsOpen(t *testing.T) {
	h := newTestHost(t)
	h.do(acquireOf("a", firstSession, 1_000), fsm.CodeGranted)
	h.do(acquireOf("b", firstSession, 4_000), fsm.CodeGranted)
	due := h.proposed[1].at + 4*time.Second
	slow := 2 * time.Second
	h.logs = func(data []byte, done func(*fsm.Applied, error)) {
		h.after(slow, func() { done(h.apply(data), nil) })
		slow = time.Millisecond
	}
	h.run(6 * time.Second)
	ends, _ := h.ends()
	if len(ends) != 2 {
		t.Fatalf("%d ends were proposed, want 2", len(ends))
	}
	if late := ends[1].at - due; late < 0 || late > maxPoll+10*time.Millisecond {
		t.Errorf("b was ended %v after its deadline", late)
	}
}

// A term that has ended decides nothing again, and unmarks nothing.
func TestAClosedTermLeavesItsDecisions(t *testing.T) {
	h := newTestHost(t)
	h.do(acquireOf("l", firstSession, 1_000), fsm.CodeGranted)
	var answer func(*fsm.Applied, error)
	h.logs = func(_ []byte, done func(*fsm.Applied, error)) { answer = done }
	h.run(2 * time.Second)
	h.deposed = true
	h.term.Close()
	if answer == nil {
		t.Fatal("no end was proposed")
	}
	answer(nil, fsm.ErrNoLeader)
	if _, ok := h.term.state.deadlines.Renew(h.now, h.lease("l").Holds[0].Token); ok || len(h.reports) > 0 {
		t.Error("the mark was removed after the term had ended")
	}
	if n := h.term.Pending(); n != 0 {
		t.Errorf("%d are pending after the end", n)
	}
}

// If nothing else is written, stamps keep the cluster's clock in the log; if all TTLs are
// short, not even a stamp is written.
func TestStampsAreWrittenWhenTheClustersClockMatters(t *testing.T) {
	h := newTestHost(t)
	h.do(acquireOf("short", firstSession, 60_000), fsm.CodeGranted)
	h.proposed = nil
	h.run(StampPause + StampPause/2)
	if len(h.proposed) != 0 {
		t.Errorf("%d entries were written, and no deadline needs them", len(h.proposed))
	}
	h.do(acquireOf("long", firstSession, 600_000), fsm.CodeGranted)
	h.run(2 * StampPause)
	failing(h, 1, fsm.ErrUnknown)
	h.run(4 * StampPause)
	if len(h.reports) != 1 {
		t.Errorf("%d reports after one stamp was lost", len(h.reports))
	}
	last := h.proposed[0].at
	for _, p := range h.proposed[1:] {
		if gap := p.at - last; gap > StampPause+StampPause/4 {
			t.Errorf("an entry was written %v after the one before", gap)
		}
		last = p.at
	}
	if gap := h.now - last; gap > StampPause+StampPause/4 {
		t.Errorf("the last stamp is %v old", gap)
	}
}
