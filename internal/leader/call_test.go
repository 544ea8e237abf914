package leader

import (
	"errors"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

func newCall(t *testing.T, c fsm.Command) *Call {
	t.Helper()
	k, ok := NewCaller(1).Call(c, 0, 1)
	if !ok {
		t.Fatal("a call was refused")
	}
	return k
}

func TestOnlyARefusalAfterALostAttemptIsUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		command fsm.Command
		last    fsm.Result
		want    bool
	}{
		"refused":               {acquireOf("l", firstSession, 1_000), fsm.Result{Code: fsm.CodeHeld}, true},
		"granted":               {acquireOf("l", firstSession, 1_000), fsm.Result{Code: fsm.CodeGranted}, false},
		"held already":          {acquireOf("l", firstSession, 1_000), fsm.Result{Code: fsm.CodeOK}, false},
		"withdrawn":             {acquireOf("l", firstSession, 1_000), fsm.Result{Code: fsm.CodeWithdrawn}, false},
		"its ticket is queued":  {acquireOf("l", firstSession, 1_000), fsm.Result{Code: fsm.CodeHeld, Queued: true}, false},
		"a renewal":             {&fsm.Renew{Name: "l", Session: firstSession}, fsm.Result{Code: fsm.CodeNotHolder}, false},
		"a transfer":            {&fsm.Transfer{Name: "l", Session: firstSession, Token: 1, To: "y"}, fsm.Result{Code: fsm.CodeNotHolder}, true},
		"a break":               {&fsm.Break{Name: "l", Token: 1}, fsm.Result{Code: fsm.CodeStaleToken}, true},
		"a step-down":           {&fsm.StepDown{Name: "l", Token: 1}, fsm.Result{Code: fsm.CodeStaleToken}, true},
		"a release":             {&fsm.Release{Name: "l", Session: firstSession, Token: 1}, fsm.Result{Code: fsm.CodeStaleToken}, true},
		"several names refused": {&fsm.AcquireAll{Names: []string{"l"}, Session: firstSession}, fsm.Result{Code: fsm.CodeHeld}, true},
	} {
		k := newCall(t, c.command)
		if v := k.Outcome(fsm.Reply{Result: c.last}, nil, false); v.Err != nil || v.Retry != NoRetry {
			t.Errorf("%s at the first attempt: %v, retry %v", name, v.Err, v.Retry)
		}
		if v := k.Outcome(fsm.Reply{}, fsm.ErrUnknown, false); v.Retry != RetryLater {
			t.Fatalf("%s: retry %v after a lost attempt", name, v.Retry)
		}
		v := k.Outcome(fsm.Reply{Result: c.last}, nil, false)
		if got := errors.Is(v.Err, fsm.ErrUnknown); got != c.want || v.Retry != NoRetry {
			t.Errorf("%s after a lost attempt: %v, retry %v", name, v.Err, v.Retry)
		}
	}
}

func TestOnlyIdempotentCommandsAreRepeatedAfterALostAttempt(t *testing.T) {
	for name, c := range map[string]struct {
		command fsm.Command
		want    Retry
	}{
		"an acquire":                      {acquireOf("l", firstSession, 1_000), RetryLater},
		"a release by token":              {&fsm.Release{Token: 1}, RetryLater},
		"a release by attempt":            {&fsm.Release{Attempt: "a"}, RetryLater},
		"a release of whatever there is":  {&fsm.Release{}, NoRetry},
		"a session's release of tokens":   {&fsm.ReleaseSession{Only: []fsm.Ref{{Name: "l", Token: 1}}}, RetryLater},
		"a session's release of all":      {&fsm.ReleaseSession{}, NoRetry},
		"a transfer by token":             {&fsm.Transfer{Token: 1}, RetryLater},
		"a transfer of whatever there is": {&fsm.Transfer{}, NoRetry},
	} {
		k := newCall(t, c.command)
		if v := k.Outcome(fsm.Reply{}, fsm.ErrNoLeader, false); v.Retry != RetryLater {
			t.Errorf("%s: retry %v though nothing was applied", name, v.Retry)
		}
		v := k.Outcome(fsm.Reply{}, fsm.ErrUnknown, false)
		if v.Retry != c.want || v.Retry == NoRetry && !errors.Is(v.Err, fsm.ErrUnknown) {
			t.Errorf("%s: retry %v, %v", name, v.Retry, v.Err)
		}
	}
}

func TestEndedCallIsUnknownIfAnAttemptWas(t *testing.T) {
	k := newCall(t, acquireOf("l", firstSession, 1_000))
	if v := k.Outcome(fsm.Reply{}, fsm.ErrOverloaded, false); !errors.Is(v.Err, fsm.ErrOverloaded) {
		t.Errorf("overloaded: %v, retry %v", v.Err, v.Retry)
	}
	if v := k.Outcome(fsm.Reply{}, errors.New("no route"), true); !errors.Is(v.Err, fsm.ErrNoLeader) {
		t.Errorf("no route, and no time left: %v, retry %v", v.Err, v.Retry)
	}
	k.Outcome(fsm.Reply{}, fsm.ErrUnknown, false)
	if v := k.Outcome(fsm.Reply{}, fsm.ErrNoLeader, true); !errors.Is(v.Err, fsm.ErrUnknown) {
		t.Errorf("no leader after a lost attempt: %v", v.Err)
	}
}

// The leader counts a wait from the last attempt, and the caller from the first.
func TestAnAnswerCountsTheWaitFromTheFirstAttempt(t *testing.T) {
	k := newCall(t, waitOf("l", firstSession, 1, 10_000))
	k.Attempt(0)
	k.Outcome(fsm.Reply{}, fsm.ErrNoLeader, false)
	if c := k.Attempt(4 * time.Second).(*fsm.Acquire); c.Wait != 6_000 {
		t.Errorf("the second attempt waits %d ms", c.Wait)
	}
	v := k.Outcome(fsm.Reply{Result: fsm.Result{Code: fsm.CodeGranted}, Waited: 500}, nil, false)
	if want := 500 + Waited(4*time.Second); v.Reply.Waited != want {
		t.Errorf("it waited %d ms, want %d", v.Reply.Waited, want)
	}
}

// A node that did not know the newest revision sends the acquire again with it. After a
// lost attempt it may not: that one may be what was outdated.
func TestAnOutdatedAcquireIsSentAgainWithTheNewRevision(t *testing.T) {
	outdated := fsm.Reply{Result: fsm.Result{Code: fsm.CodeOutdated, Revision: 77}}
	k := newCall(t, acquireOf("l", firstSession, 1_000))
	k.Attempt(0)
	if v := k.Outcome(outdated, nil, false); v.Retry != RetryNow {
		t.Fatalf("retry %v, %v", v.Retry, v.Err)
	}
	if c := k.Attempt(0).(*fsm.Acquire); c.Sent != 77 {
		t.Errorf("it states revision %d", c.Sent)
	}
	k.Outcome(fsm.Reply{}, fsm.ErrUnknown, false)
	if v := k.Outcome(outdated, nil, false); !errors.Is(v.Err, fsm.ErrUnknown) || len(v.CleanUp) != 1 {
		t.Errorf("after a lost attempt: retry %v, %v, %d clean-ups", v.Retry, v.Err, len(v.CleanUp))
	}
	next, _ := k.caller.Call(acquireOf("l", firstSession, 1_000), 0, 5)
	if c := next.Attempt(0).(*fsm.Acquire); c.Sent != 77 {
		t.Errorf("the next call states revision %d", c.Sent)
	}
}

// If several names were granted to an attempt that was lost, and the next one is refused,
// nothing is left behind.
func TestARefusalAfterALostAttemptLeavesNothingBehind(t *testing.T) {
	h := newTestHost(t)
	c := &fsm.AcquireAll{Names: []string{"a", "b"}, Holder: "x", Session: firstSession, TTL: 60_000}
	k := newCall(t, c)
	h.do(k.Attempt(0), fsm.CodeGranted)
	k.Outcome(fsm.Reply{}, fsm.ErrUnknown, false)
	h.do(&fsm.Break{Name: "a", Token: h.lease("a").Holds[0].Token, Reason: "gone"}, fsm.CodeOK)
	h.do(acquireOf("a", secondSession, 1_000), fsm.CodeGranted)
	v := k.Outcome(fsm.Reply{Result: fsm.Result{Code: fsm.CodeHeld}}, nil, false)
	if !errors.Is(v.Err, fsm.ErrUnknown) || len(v.CleanUp) != 2 {
		t.Fatalf("%v, %d clean-ups", v.Err, len(v.CleanUp))
	}
	for _, l := range v.CleanUp {
		h.do(l, fsm.CodeOK)
	}
	if len(h.lease("a").Holds) != 1 || len(h.lease("b").Holds) != 0 {
		t.Errorf("%d hold a, %d hold b", len(h.lease("a").Holds), len(h.lease("b").Holds))
	}
}

func TestAFloodIsRefused(t *testing.T) {
	c := NewCaller(1)
	c.acquiring.Store(maxAcquiring)
	waits, briefly := waitOf("l", firstSession, 1, shortWait), waitOf("l", firstSession, 1, 1)
	for name, k := range map[string]struct {
		command fsm.Command
		refused bool
	}{
		"an acquire":            {acquireOf("l", firstSession, 1_000), true},
		"one with a short wait": {briefly, true},
		"one of several names":  {&fsm.AcquireAll{Names: []string{"l"}}, true},
		"a renewal":             {&fsm.Renew{}, false},
		"a release":             {&fsm.Release{}, false},
		"an acquire that waits": {waits, false},
	} {
		call, ok := c.Call(k.command, 0, 1)
		if ok == k.refused {
			t.Errorf("%s: accepted %v", name, ok)
		}
		if ok {
			call.End()
		}
		if busy := c.acquiring.Load(); busy != maxAcquiring {
			t.Errorf("%s leaves the count at %d", name, busy)
		}
	}
	c.acquiring.Store(maxAcquiring - 1)
	if call, ok := c.Call(acquireOf("l", firstSession, 1_000), 0, 1); !ok {
		t.Error("there is room for one")
	} else if call.End(); c.acquiring.Load() != maxAcquiring-1 {
		t.Error("an ended call is still counted")
	}
}
