package leader

import (
	"testing"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

const second = time.Second

func hold(id uint64, ttl fsm.Millis) fsm.Timer {
	return fsm.Timer{Kind: fsm.TimerHold, Name: "a", ID: id, Seq: 1, For: ttl}
}

// renewed is a hold's timer after a logged change.
func renewed(t fsm.Timer) fsm.Timer {
	t.Seq++
	return t
}

func cleared(t fsm.Timer) fsm.Timer {
	return fsm.Timer{Kind: t.Kind, Name: t.Name, ID: t.ID, Clear: true}
}

// polls polls from one time to another, and fails if
// anything is due before the end.
func polls(t *testing.T, b *Deadlines, from, to time.Duration) {
	t.Helper()
	for now := from; now < to; now += StopGap / 2 {
		if due, _ := b.Due(now, 10); len(due) > 0 {
			t.Fatalf("at %v: %v is due before %v", now, due, to)
		}
	}
}

// wantDue polls and expects these timers, and no others, to be due.
func wantDue(t *testing.T, b *Deadlines, now time.Duration, want ...fsm.Timer) {
	t.Helper()
	due, _ := b.Due(now, 10)
	if len(due) != len(want) {
		t.Fatalf("at %v: %v is due, want %v", now, due, want)
	}
	for i := range want {
		if named := (fsm.Timer{Kind: want[i].Kind, Name: want[i].Name, ID: want[i].ID, Seq: want[i].Seq}); due[i] != named {
			t.Errorf("at %v: %v is due, want %v", now, due[i], named)
		}
	}
}

func left(t *testing.T, b *Deadlines, now time.Duration, id uint64) time.Duration {
	t.Helper()
	left, _, ok := b.Left(now, fsm.TimerHold, id)
	if !ok {
		t.Fatalf("nothing is known of hold %d", id)
	}
	return left
}

func TestHoldLastsItsTTL(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 3_000)
	b.Apply(0, 0, []fsm.Timer{h})
	polls(t, b, 0, 3*second)
	if _, next := b.Due(2_800*time.Millisecond, 10); next != 3*second {
		t.Errorf("the next deadline is at %v, want 3s", next)
	}
	wantDue(t, b, 3*second, h)
}

func TestRenewalRaisesTheDeadline(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 3_000)
	b.Apply(0, 0, []fsm.Timer{h})
	margin, ok := b.Renew(1_500*time.Millisecond, h.ID)
	if !ok || margin != 0.5 {
		t.Errorf("Renew = %v, %v, want half of the TTL left", margin, ok)
	}
	polls(t, b, 0, 4_500*time.Millisecond)
	wantDue(t, b, 4_500*time.Millisecond, h)
	if b.Len() != 1 {
		t.Errorf("there are %d deadlines, want 1: the outcome is not known", b.Len())
	}
}

func TestRenewalNeverLowersTheDeadline(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 3_000)
	b.Apply(2*second, 2_000, []fsm.Timer{h})
	b.Renew(second, h.ID) // it arrived before the grant was applied
	if got := left(t, b, 2*second, h.ID); got != 3*second {
		t.Errorf("%v are left, want 3s", got)
	}
}

func TestLoggedChangeMayShrinkTheTTL(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 30_000)
	b.Apply(0, 0, []fsm.Timer{h})
	short := renewed(h)
	short.For = 2_000
	b.Apply(second, 1_000, []fsm.Timer{short})
	polls(t, b, second, 3*second)
	wantDue(t, b, 3*second, short)
}

func TestNothingRaisesAMarkedHold(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 1_000)
	b.Apply(0, 0, []fsm.Timer{h})
	wantDue(t, b, second, h)
	if _, ok := b.Renew(second, h.ID); ok {
		t.Error("a hold whose end was proposed was renewed")
	}
	wantDue(t, b, 1_200*time.Millisecond)
	// A renewal that passed through the log ahead of the end wins.
	again := renewed(h)
	b.Apply(1_300*time.Millisecond, 1_300, []fsm.Timer{again})
	if _, ok := b.Renew(1_300*time.Millisecond, h.ID); !ok {
		t.Error("a hold that was renewed through the log cannot be renewed")
	}
	polls(t, b, 1_300*time.Millisecond, 2_300*time.Millisecond)
	wantDue(t, b, 2_300*time.Millisecond, again)
}

// The poll that marks the only deadline must return.
func TestDueWhileEverythingIsMarked(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 1_000)
	b.Apply(0, 0, []fsm.Timer{h})
	wantDue(t, b, second, h)
	if _, next := b.Due(second, 10); next <= 2*second {
		t.Errorf("the next deadline is at %v, want none near", next)
	}
}

func TestClearForgets(t *testing.T) {
	b, h, other := NewDeadlines(), hold(1, 1_000), hold(2, 5_000)
	b.Apply(0, 0, []fsm.Timer{h, other})
	wantDue(t, b, second, h)
	late := b.Apply(1_030*time.Millisecond, 1_030, []fsm.Timer{cleared(h), cleared(other), cleared(hold(3, 1))})
	if len(late) != 1 || late[0] != 30*time.Millisecond {
		t.Errorf("late by %v, want 30ms: a release is never late", late)
	}
	if b.Len() != 0 {
		t.Errorf("%d deadlines are left", b.Len())
	}
	if _, _, ok := b.Left(0, fsm.TimerHold, h.ID); ok {
		t.Error("a hold that ended is still known")
	}
	if _, ok := b.Renew(0, h.ID); ok {
		t.Error("a hold that ended was renewed")
	}
}

func TestKeepLeavesTheDeadline(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 10_000)
	b.Apply(0, 0, []fsm.Timer{h})
	b.Renew(2*second, h.ID)
	broken := renewed(h)
	broken.Keep = true
	b.Apply(3*second, 3_000, []fsm.Timer{broken})
	if _, ok := b.Renew(4*second, h.ID); ok {
		t.Error("a hold that is being broken was renewed")
	}
	polls(t, b, 3*second, 12*second)
	wantDue(t, b, 12*second, broken)
}

// A break that is applied after the mark of an end and before that end cancels the end. The
// hold must then be due at once with its new seq.
func TestKeepAfterTheMark(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 1_000)
	b.Apply(0, 0, []fsm.Timer{h})
	wantDue(t, b, second, h)
	broken := renewed(h)
	broken.Keep = true
	b.Apply(1_010*time.Millisecond, 1_010, []fsm.Timer{broken})
	wantDue(t, b, 1_020*time.Millisecond, broken)
}

// A new leader does not know the renewals: a broken hold gets the whole TTL again.
func TestKeepAtANewTerm(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 10_000)
	h.Keep = true
	b.Apply(5*second, 5_000, []fsm.Timer{h})
	polls(t, b, 5*second, 15*second)
	wantDue(t, b, 15*second, h)
}

func TestStampedReportsWhetherADeadlineUsesTheClustersClock(t *testing.T) {
	b := NewDeadlines()
	long := fsm.Timer{Kind: fsm.TimerHold, ID: 1, Seq: 1, For: 100_000, Stamped: true}
	short := fsm.Timer{Kind: fsm.TimerHold, ID: 1, Seq: 2, For: 1_000}
	gone := fsm.Timer{Kind: fsm.TimerHold, ID: 1, Clear: true}
	kept := fsm.Timer{Kind: fsm.TimerHold, ID: 1, Seq: 3, Keep: true}
	other := fsm.Timer{Kind: fsm.TimerDelay, ID: 1, Seq: 1, For: 5_000, Stamped: true}
	for i, step := range []struct {
		timer fsm.Timer
		want  bool
	}{{short, false}, {long, true}, {long, true}, {short, false}, {long, true}, {kept, false}, {long, true}, {other, true}, {gone, true},
		{fsm.Timer{Kind: fsm.TimerDelay, ID: 1, Clear: true}, false}, {gone, false}} {
		b.Apply(0, 0, []fsm.Timer{step.timer})
		if b.Stamped() != step.want {
			t.Errorf("step %d, %+v: %v", i, step.timer, b.Stamped())
		}
	}
}

func TestStampedEndsByTheClustersClock(t *testing.T) {
	b := NewDeadlines()
	long := fsm.Timer{Kind: fsm.TimerHold, ID: 1, Seq: 1, For: 100_000, Stamped: true, From: 1_000}
	past := fsm.Timer{Kind: fsm.TimerDelay, ID: 2, Seq: 1, For: 5_000, Stamped: true, From: 0}
	b.Apply(second, 91_000, []fsm.Timer{long, past})
	wantDue(t, b, second, past)
	polls(t, b, second, 11*second)
	wantDue(t, b, 11*second, long)
}

func TestUnmarkedIsDueAgain(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 1_000)
	b.Apply(0, 0, []fsm.Timer{h})
	wantDue(t, b, second, h)
	stale := h
	stale.Seq = 9
	b.Unmark(stale)
	b.Unmark(hold(7, 1))
	wantDue(t, b, 1_100*time.Millisecond)
	b.Unmark(h)
	b.Unmark(h)
	wantDue(t, b, 1_200*time.Millisecond, h)
	b.Unmark(h)
	if _, ok := b.Renew(1_300*time.Millisecond, h.ID); !ok {
		t.Error("a hold whose end was certainly not proposed cannot be renewed")
	}
	polls(t, b, 1_300*time.Millisecond, 2_300*time.Millisecond)
}

func TestStoppedLeaderMovesDeadlinesByTheGap(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 10_000)
	b.Apply(0, 0, []fsm.Timer{h})
	polls(t, b, 0, second)
	b.Due(second, 10)
	b.Due(4*second, 10) // stopped for 3 s
	if got := left(t, b, 4*second, h.ID); got != 9*second {
		t.Errorf("%v are left, want 9s", got)
	}
}

func TestAPauseUpToStopGapShiftsNothing(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 10_000)
	b.Apply(0, 0, []fsm.Timer{h})
	b.Due(0, 10)
	b.Due(StopGap, 10)
	if got := left(t, b, StopGap, h.ID); got != 10*second-StopGap {
		t.Errorf("%v are left, want %v", got, 10*second-StopGap)
	}
}

func TestTheFirstPollIsNoGap(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 10_000)
	b.Apply(100*second, 0, []fsm.Timer{h})
	b.Due(100*second, 10)
	if got := left(t, b, 100*second, h.ID); got != 10*second {
		t.Errorf("%v are left, want 10s", got)
	}
}

func TestWhatWasSetWithinTheGapMovesByTheRest(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 10_000)
	b.Apply(0, 0, []fsm.Timer{h})
	b.Due(0, 10)
	b.Renew(4_900*time.Millisecond, h.ID)
	b.Due(5*second, 10)
	if got := left(t, b, 5*second, h.ID); got != 10*second {
		t.Errorf("%v are left, want 10s: the stop was over when it was renewed", got)
	}
}

// A leader that is stopped again and again still expires holds.
func TestGapsMoveByAtMostOneTTL(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 2_000)
	b.Apply(0, 0, []fsm.Timer{h})
	b.Due(0, 10)
	var due []fsm.Timer
	now := time.Duration(0)
	for len(due) == 0 {
		now += second
		due, _ = b.Due(now, 10)
	}
	if now != 4*second {
		t.Errorf("due after %v, want 4s: the TTL, and once more", now)
	}
	if left(t, b, now, h.ID) != 0 {
		t.Error("what is due has time left")
	}
	b.Due(now+10*second, 10)
	if left(t, b, now, h.ID) != 0 {
		t.Error("a gap moved the deadline of a marked hold")
	}

	b, h = NewDeadlines(), hold(1, 2_000)
	b.Apply(0, 0, []fsm.Timer{h})
	b.Due(0, 10)
	for now = second; now <= 20*second; now += second {
		if due, _ := b.Due(now, 10); len(due) > 0 {
			t.Fatalf("due at %v though it was renewed", now)
		}
		b.Renew(now, h.ID)
	}
}

func TestMassExpiryComesInBatches(t *testing.T) {
	const holds, batch = 10_000, 1_024
	b := NewDeadlines()
	for id := range uint64(holds) {
		b.Apply(0, 0, []fsm.Timer{hold(id+1, 1_000)})
	}
	seen := make(map[uint64]bool)
	for len(seen) < holds {
		due, next := b.Due(second, batch)
		if len(due) == 0 || len(due) > batch {
			t.Fatalf("a batch of %d after %d of %d", len(due), len(seen), holds)
		}
		if len(seen)+len(due) < holds && next != second {
			t.Fatalf("the next deadline is at %v while more is due", next)
		}
		for _, d := range due {
			if seen[d.ID] {
				t.Fatalf("hold %d is due twice", d.ID)
			}
			seen[d.ID] = true
		}
	}
	if due, _ := b.Due(second, batch); len(due) > 0 {
		t.Errorf("%d are due again", len(due))
	}
}

func TestDueOfNothingIsAPoll(t *testing.T) {
	b, h := NewDeadlines(), hold(1, 1_000)
	b.Apply(0, 0, []fsm.Timer{h})
	for now := time.Duration(0); now <= 3*second; now += StopGap {
		if due, _ := b.Due(now, 0); len(due) > 0 {
			t.Fatalf("%v was marked though most is 0", due)
		}
	}
	wantDue(t, b, 3*second, h)
}

func TestAWithdrawnHoldIsMarkedUnlessItsHolderHasRenewedIt(t *testing.T) {
	b := NewDeadlines()
	b.Apply(0, 0, []fsm.Timer{hold(1, 10_000), hold(2, 10_000)})
	if !b.Withdraw(1) || b.Withdraw(1) {
		t.Error("a hold is withdrawn once")
	}
	if _, ok := b.Renew(time.Second, 1); ok {
		t.Error("a withdrawn hold was renewed past its proposed end")
	}
	if _, ok := b.Renew(time.Second, 2); !ok || b.Withdraw(2) {
		t.Error("a hold was withdrawn though its holder renews it")
	}
	b.Unmark(hold(1, 10_000))
	if _, ok := b.Renew(2*time.Second, 1); !ok {
		t.Error("a hold whose withdrawal was certainly not proposed cannot be renewed")
	}
	if b.Withdraw(3) {
		t.Error("an unknown hold was withdrawn")
	}
	b.Apply(3*time.Second, 0, []fsm.Timer{hold(4, 10_000)})
	b.Withdraw(4)
	if late := b.Apply(4*time.Second, 0, []fsm.Timer{cleared(hold(4, 10_000))}); len(late) != 0 {
		t.Errorf("a withdrawal counts as late: %v", late)
	}
}
