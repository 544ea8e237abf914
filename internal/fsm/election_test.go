package fsm

import (
	"testing"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/document"
)

func TestElection(t *testing.T) {
	const name = "k8s/default/ctl"
	o := newObjects()
	step := func(what string, holder, changes string) {
		t.Helper()
		if got := o.changes(); o.holder("ctl") != holder || got != changes {
			t.Fatalf("%s: holder %q, changes %s; want %q, %s", what, o.holder("ctl"), got, holder, changes)
		}
	}
	o.candidate("a", "ctl", "1.36.0")
	step("the first candidate", "a", `a, ctl: "a", acquired`)
	if h := o.m.Lease(name).Holds[0]; h.TTL != document.ElectedTTL {
		t.Errorf("it has %d ms to take over", h.TTL)
	}
	held := *o.m.documents.LeaseOf(name)
	o.put(held)
	o.candidate("b", "ctl", "1.35.9")
	step("a better candidate", "a", `b, ctl: "a"`)
	if d := o.m.documents.LeaseOf(name); d.Lease.Preferred != "b" {
		t.Errorf("preferred is %q", d.Lease.Preferred)
	}
	o.put(leaseObject("ctl", "", 1))
	step("the holder gives way", "b", `ctl: "", released, ctl: "b", acquired`)

	// The holder dies, long after the candidates were seen: the other one is pinged, answers, and is elected.
	o.m.now += 60_000
	o.put(*o.m.documents.LeaseOf(name))
	o.expire(name)
	step("the holder dies", "", `expired, ctl: "", ping a, ping b`)
	o.candidate("a", "ctl", "1.36.0")
	step("the other one answers", "a", `a, ctl: "a", acquired`)
	if d := o.m.documents.LeaseOf(name); d.Lease.Transitions != document.Some(2) {
		t.Errorf("%+v transitions, want 2", d.Lease.Transitions)
	}

	// Only the last holder is alive.
	o.m.now += 60_000
	o.put(leaseObject("ctl", "", 1))
	o.candidate("a", "ctl", "1.36.0")
	step("the last holder answers and b may still do", "", "a")
	round := o.m.documents.Round(name)
	o.apply(roundTimer(round).Expire())
	step("b does not answer in time", "a", `ctl: "a", acquired`)
	if o.m.documents.Round(name) != nil {
		t.Error("the round has no end")
	}

	// b is better, but it has ended: the holder keeps the lease.
	if d := o.m.documents.LeaseOf(name); d.Lease.Preferred != "" {
		t.Errorf("a candidate that does not answer is preferred: %+v", d.Lease)
	}
	o.m.now += document.CandidateLife
	o.candidate("a", "ctl", "1.36.0")
	if o.m.documents.Count(document.Candidate) != 1 {
		t.Errorf("%d candidates are left, want the one that is renewed", o.m.documents.Count(document.Candidate))
	}
}

// The best candidate releases the lease because its process ends, right after it has renewed its LeaseCandidate.
func TestReleasingHolderIsNotPreferredUntilItAnswers(t *testing.T) {
	o := newObjects()
	o.candidate("b", "ctl", "1.35.0")
	o.candidate("a", "ctl", "1.36.0")
	o.m.now += 1_000
	o.put(leaseObject("ctl", "", 1))
	preferred := func() string { return o.m.documents.LeaseOf("k8s/default/ctl").Lease.Preferred }
	if o.holder("ctl") != "a" || preferred() != "" {
		t.Fatalf("the holder is %q, preferred is %q: it may have ended", o.holder("ctl"), preferred())
	}
	o.m.now += 1_000
	o.candidate("b", "ctl", "1.35.0")
	if preferred() != "b" {
		t.Errorf("b answers, and preferred is %q", preferred())
	}
}

// The last holder is better and answers first, but it may be about to end: another candidate is chosen if it answers.
func TestElectionAvoidsTheLastHolder(t *testing.T) {
	o := newObjects()
	o.candidate("b", "ctl", "1.35.0")
	o.candidate("a", "ctl", "1.36.0")
	o.m.now += 60_000
	o.expire("k8s/default/ctl")
	o.candidate("b", "ctl", "1.35.0")
	if o.holder("ctl") != "" {
		t.Fatalf("%q is chosen before the other candidate could answer", o.holder("ctl"))
	}
	o.candidate("a", "ctl", "1.36.0")
	if o.holder("ctl") != "a" {
		t.Errorf("the holder is %q", o.holder("ctl"))
	}
}

// The clock of a candidate may be behind: its answer is one all the same, and it is not asked for another.
func TestAnswerOfACandidateWithASlowClock(t *testing.T) {
	o := newObjects()
	o.candidate("a", "ctl", "1.36.0")
	o.candidate("b", "ctl", "1.36.0")
	o.m.now += 60_000
	o.expire("k8s/default/ctl")
	answer := *o.m.documents.Get(document.Key{Kind: document.Candidate, Namespace: "default", Name: "b"})
	spec := *answer.Candidate
	answer.Candidate = &spec
	spec.Renewed = document.Some(spec.Ping.Value - 1_000_000)
	if r := o.put(answer); r.Object.Candidate.Ping.Set || o.holder("ctl") != "b" {
		t.Errorf("the answer is %+v, the holder %q", r.Object.Candidate, o.holder("ctl"))
	}
}

// A session of lockd's own API can hold the lease before there is a Lease: its end begins an election.
func TestElectionBeginsWithoutALease(t *testing.T) {
	o := newObjects()
	o.apply(&Acquire{Name: "k8s/default/ctl", Holder: "curl", Session: "session-00000001", TTL: 15_000, Limit: 1})
	o.candidate("a", "ctl", "1.36.0")
	if o.holder("ctl") != "no document" {
		t.Fatalf("while it is held, the Lease has the holder %q", o.holder("ctl"))
	}
	o.apply(&Release{Name: "k8s/default/ctl", Session: "session-00000001"})
	if o.holder("ctl") != "a" {
		t.Errorf("after the release the holder is %q", o.holder("ctl"))
	}
}

func TestCandidateBelongsToItsPrincipal(t *testing.T) {
	o := withPrincipals("a", "b")
	candidate := func(name string, at int64) document.Write {
		d := candidateObject(name, "ctl", "1.36.0")
		d.Candidate.Renewed = document.Some(at)
		return document.Write{Object: d}
	}
	o.as("a", candidate("x", 1))
	if r := o.as("b", candidate("x", 2)); r.ObjectOutcome != document.OfOther {
		t.Errorf("another principal renews it: %+v", r)
	}
	deletion := document.Write{Object: *o.m.documents.Get(candidate("x", 1).Object.Key), Delete: true}
	if r := o.as("b", deletion); r.ObjectOutcome != document.OfOther {
		t.Errorf("another principal deletes it: %+v", r)
	}
	o.as("b", candidate("y", 1))
	o.setRules("b", access.Rule{Right: access.Read, Scope: "*"})
	if r := o.as("a", document.Write{Object: leaseObject("ctl", "", 1)}); r.Code != CodeOK || o.holder("ctl") == "y" {
		t.Errorf("%v: a principal without a right is elected", r.Code)
	}
	if r := o.as("a", candidate("y", 2)); r.Code != CodeOK {
		t.Errorf("the candidate of a principal that has lost its right cannot be replaced: %+v", r)
	}
}

func TestElectionWaitsForTheQuarantine(t *testing.T) {
	o := newObjects()
	o.apply(&Recover{Quarantine: 30_000})
	o.candidate("a", "ctl", "1.36.0")
	if o.holder("ctl") != "no document" {
		t.Fatal("a lease was granted in the quarantine")
	}
	o.apply(quarantineTimer(o.m.Quarantine()).Expire())
	if o.holder("ctl") != "a" {
		t.Errorf("after the quarantine the holder is %q", o.holder("ctl"))
	}
}
