package linear_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockd/lockd/test/history/linear"
)

// contended is a run with contention, in which most flaws can occur.
func contended() plan {
	return plan{clients: 40, names: 10, limit: 1, ops: 60, streams: 3}
}

// caughtBy fails the test unless each of the checkers finds a violation.
func caughtBy(t *testing.T, h linear.History, by ...linear.Checker) *linear.Report {
	t.Helper()
	r := linear.Check(&h, checked)
	if r.Err() == nil {
		t.Errorf("no violation was found: %s", r)
	}
	for _, c := range by {
		if !slices.ContainsFunc(r.Violations, func(v linear.Violation) bool { return v.By == c }) {
			t.Errorf("the checker %q found no violation: %v", c, r.Err())
		}
	}
	return r
}

func flawed(t *testing.T, f flaw) linear.History {
	t.Helper()
	p := contended()
	p.flaw = f
	return simulate(t, p)
}

func TestDoubleGrantIsDetected(t *testing.T) {
	caughtBy(t, flawed(t, flaw{doubleGrant: 0.005}), linear.ByModel, linear.ByRevision, linear.ByPromise)
}

func TestStaleReadIsDetected(t *testing.T) {
	caughtBy(t, flawed(t, flaw{staleRead: 0.02}), linear.ByModel, linear.ByRevision)
}

func TestEarlyExpiryIsDetected(t *testing.T) {
	caughtBy(t, flawed(t, flaw{earlyExpiry: 0.3}), linear.ByModel, linear.ByPromise)
}

func TestRepeatedTokenIsDetected(t *testing.T) {
	caughtBy(t, flawed(t, flaw{repeatedToken: 0.2}), linear.ByModel, linear.ByRevision, linear.ByStreams)
}

func TestLostReleaseIsDetected(t *testing.T) {
	caughtBy(t, flawed(t, flaw{lostRelease: 0.3}), linear.ByModel, linear.ByRevision)
}

func TestRenewalAfterBreakIsDetected(t *testing.T) {
	caughtBy(t, flawed(t, flaw{reviveBroken: 1}), linear.ByModel, linear.ByRevision)
}

// One stream lacks an event of the others.
func TestGapInOneWatchIsDetected(t *testing.T) {
	h := simulate(t, contended())
	s := &h.Events[1]
	s.Events = slices.Delete(s.Events, len(s.Events)/2, len(s.Events)/2+1)
	caughtBy(t, h, linear.ByStreams)
}

// All streams lack the same event, so that they agree.
func TestGapInEveryWatchIsDetected(t *testing.T) {
	h := simulate(t, contended())
	at := slices.IndexFunc(h.Events[0].Events, func(e linear.Event) bool { return e.Type == "acquired" && e.Revision > 100 })
	for i := range h.Events {
		h.Events[i].Events = slices.Delete(slices.Clone(h.Events[i].Events), at, at+1)
	}
	caughtBy(t, h, linear.ByRevision)
}

func TestReorderedStreamIsDetected(t *testing.T) {
	h := simulate(t, contended())
	e := h.Events[2].Events
	at := len(e) / 2
	e[at], e[at+1] = e[at+1], e[at]
	caughtBy(t, h, linear.ByStreams)
}

func TestRepeatedEventIsDetected(t *testing.T) {
	h := simulate(t, contended())
	s := &h.Events[0]
	s.Events = slices.Insert(s.Events, 50, s.Events[49])
	caughtBy(t, h, linear.ByStreams)
}

func TestDifferingStreamsAreDetected(t *testing.T) {
	h := simulate(t, contended())
	h.Events[1].Events[20].Holder = "another"
	caughtBy(t, h, linear.ByStreams)
}

func TestLateExpiryIsDetected(t *testing.T) {
	h := simulate(t, contended())
	for i := range h.Events {
		for j := range h.Events[i].Events {
			if e := &h.Events[i].Events[j]; e.Type == "expired" {
				e.Seen += 2 * checked.MaxLateness
			}
		}
	}
	caughtBy(t, h, linear.ByPromise)
}

// If an expiry really is late, other sessions are refused a lease that should be free.
func TestRefusalLongAfterExpiryIsDetected(t *testing.T) {
	h := simulate(t, contended())
	strict := checked
	strict.Late = 1 // the simulated server is up to 50 ms late
	r := linear.Check(&h, strict)
	if !slices.ContainsFunc(r.Violations, func(v linear.Violation) bool { return v.By == linear.ByModel }) {
		t.Errorf("no violation was found: %s", r)
	}
}

func TestFailoverExtendsTheLatenessBound(t *testing.T) {
	h := simulate(t, contended())
	strict := checked
	strict.Late, strict.MaxLateness = 1, 1
	for at := h.Ops[0].Sent; at < h.Ops[len(h.Ops)-1].Back; at += checked.Late / 2 {
		h.Terms = append(h.Terms, linear.TermChange{From: at, To: at + checked.Late/2})
	}
	if err := linear.Check(&h, strict).Err(); err != nil {
		t.Error(err)
	}
}

func TestDecreasingRevisionIsDetected(t *testing.T) {
	h := simulate(t, contended())
	for i := len(h.Ops) - 1; ; i-- {
		if op := &h.Ops[i]; op.Kind == linear.Read {
			op.Revision = 1
			break
		}
	}
	caughtBy(t, h, linear.ByRevision)
}

func TestRefusalWithAnOlderLeaseIsCountedOrDetected(t *testing.T) {
	h := flawed(t, flaw{lateRevision: 1})
	caughtBy(t, h, linear.ByRevision)
	mild := checked
	mild.ExactRefusals = false
	if r := linear.Check(&h, mild); r.Err() != nil || r.OldRefusals == 0 {
		t.Errorf("%s: %v", r, r.Err())
	}
}

// A difference between the model and the witness is reported.
func TestModelAndWitnessAreCompared(t *testing.T) {
	h := simulate(t, contended())
	for i := len(h.Ops) - 1; ; i-- {
		if op := &h.Ops[i]; op.Kind == linear.Read {
			op.Revision--
			op.Revision /= 2
			break
		}
	}
	if r := caughtBy(t, h, linear.ByRevision); len(r.Disagree) != 1 {
		t.Errorf("they disagree on %v", r.Disagree)
	}
}

func TestFailureIsSavedWithAPicture(t *testing.T) {
	r := caughtBy(t, flawed(t, flaw{doubleGrant: 0.005}), linear.ByModel)
	dir := t.TempDir()
	if err := r.Save(dir, checked); err != nil {
		t.Fatal(err)
	}
	pictures, err := filepath.Glob(filepath.Join(dir, "model-*.html"))
	if err != nil || len(pictures) == 0 {
		t.Errorf("no picture was saved: %v", err)
	}
	verdict, err := os.ReadFile(filepath.Join(dir, "verdict.txt"))
	if err != nil || !strings.Contains(string(verdict), "no order of what was answered is possible") {
		t.Errorf("the verdict is %q, %v", verdict, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "history.jsonl.gz")); err != nil {
		t.Error(err)
	}
}
