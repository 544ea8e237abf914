package leader

import (
	"testing"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

var ops = fsm.Sender{Caller: access.Caller{Principal: "ops", TokenID: "aaaaaaaaaa"}}

// guardedHost is a host whose cluster has authentication, with the principals ops and app.
func guardedHost(t *testing.T) *testHost {
	t.Helper()
	h := newTestHost(t)
	h.term.packer.version.Store(fsm.EntryVersion)
	h.do(&fsm.InitCluster{ClusterID: "c1"}, fsm.CodeOK)
	for _, c := range []access.Change{
		{Kind: access.FirstToken, Token: access.Record{ID: "aaaaaaaaaa", Principal: "ops"}},
		{Kind: access.SetPrincipal, Principal: access.Principal{Name: "app", Rules: access.Rules{{Right: access.Acquire, Scope: "app."}}}},
		{Kind: access.AddToken, Token: access.Record{ID: "bbbbbbbbbb", Principal: "app"}},
		{Kind: access.SetMode, Mode: access.On},
	} {
		h.do(&fsm.ChangeAccess{Sender: fsm.Sender{Caller: access.Caller{Local: true}}, Change: c}, fsm.CodeOK)
	}
	return h
}

func appSender() fsm.Sender {
	return fsm.Sender{Caller: access.Caller{Principal: "app", TokenID: "bbbbbbbbbb"}}
}

func acquireAs(by fsm.Sender, name, session string) *fsm.Acquire {
	c := acquireOf(name, session, 10_000)
	c.Sender = by
	return c
}

func renewAs(by fsm.Sender, name, session string) *fsm.Renew {
	return &fsm.Renew{Sender: by, Name: name, Session: session}
}

// TestLeaderChecksRightsByItsOwnState: the node with the caller's connection may know less than the leader.
func TestLeaderChecksRightsByItsOwnState(t *testing.T) {
	h := guardedHost(t)
	h.do(acquireAs(appSender(), "app.a", firstSession), fsm.CodeGranted)
	entries := len(h.proposed)
	h.do(renewAs(appSender(), "app.a", firstSession), fsm.CodeOK)
	if len(h.proposed) != entries {
		t.Error("a renewal with a credential wrote an entry")
	}
	for i, test := range []struct {
		command fsm.Command
		want    access.Outcome
	}{
		{renewAs(fsm.Sender{}, "app.a", firstSession), access.Unauthenticated},
		{acquireAs(appSender(), "other", secondSession), access.NotAllowed},
		{acquireAs(fsm.Sender{}, "app.b", secondSession), access.Unauthenticated},
		{&fsm.Break{Sender: appSender(), Name: "app.a", Token: 1, Reason: "r"}, access.NotAllowed},
	} {
		if r := h.do(test.command, fsm.CodeAccessRefused); r.Outcome != test.want {
			t.Errorf("%d: %v, want %v", i, r.Outcome, test.want)
		}
	}
	if len(h.proposed) != entries {
		t.Error("a refused command wrote an entry")
	}
	h.do(&fsm.ChangeAccess{Sender: ops, Change: access.Change{Kind: access.DeleteToken, Token: access.Record{ID: "bbbbbbbbbb"}}}, fsm.CodeOK)
	if r := h.do(renewAs(appSender(), "app.a", firstSession), fsm.CodeAccessRefused); r.Outcome != access.Unauthenticated {
		t.Errorf("a revoked token: %v", r.Outcome)
	}
}

// TestRefusalNeedsAQuorum: a replaced leader does not know the tokens of its successor.
func TestRefusalNeedsAQuorum(t *testing.T) {
	h := guardedHost(t)
	h.silent = true
	got := h.submit(renewAs(fsm.Sender{}, "app.a", firstSession))
	h.run(2 * time.Second)
	if got.count != 0 {
		t.Fatalf("refused without a quorum: %v, %v", got.reply.Code, got.err)
	}
	h.silent = false
	if h.run(100 * time.Millisecond); got.count != 1 || got.reply.Code != fsm.CodeAccessRefused {
		t.Errorf("%d answers, %v, %v", got.count, got.reply.Code, got.err)
	}
}

func TestForeignRenewalIsRefused(t *testing.T) {
	h := guardedHost(t)
	h.do(acquireAs(appSender(), "app.a", firstSession), fsm.CodeGranted)
	h.do(renewAs(ops, "app.a", firstSession), fsm.CodeNotHolder)
	h.do(&fsm.RenewSession{Sender: ops, Session: firstSession}, fsm.CodeNotHolder)
	h.do(renewAs(appSender(), "app.a", firstSession), fsm.CodeOK)
}

// TestSessionIsRenewedWithinTheRulesOfItsCaller: holds that the caller has lost the right to end by their TTL.
func TestSessionIsRenewedWithinTheRulesOfItsCaller(t *testing.T) {
	h := guardedHost(t)
	h.do(acquireAs(appSender(), "app.a", firstSession), fsm.CodeGranted)
	h.do(acquireAs(appSender(), "app.b", firstSession), fsm.CodeGranted)
	set := func(scope string) {
		h.do(&fsm.ChangeAccess{Sender: ops, Change: access.Change{Kind: access.SetPrincipal, Principal: access.Principal{
			Name: "app", Rules: access.Rules{{Right: access.Acquire, Scope: scope}},
		}}}, fsm.CodeOK)
	}
	set("app.b")
	if r := h.do(&fsm.RenewSession{Sender: appSender(), Session: firstSession}, fsm.CodeOK); len(r.Holds) != 1 || r.Holds[0].Name != "app.b" {
		t.Errorf("renewed %+v", r.Holds)
	}
	set("app.c")
	if r := h.do(&fsm.RenewSession{Sender: appSender(), Session: firstSession}, fsm.CodeAccessRefused); r.Outcome != access.NotAllowed {
		t.Errorf("%v", r.Outcome)
	}
}

// TestWaitsAndQueuesOutliveTheSealing: what arrived before every member reads version 3 is answered after it.
func TestWaitsAndQueuesOutliveTheSealing(t *testing.T) {
	h := newTestHost(t)
	h.term.packer.version.Store(2)
	h.do(&fsm.InitCluster{ClusterID: "c1"}, fsm.CodeOK)
	h.do(acquireOf("l", firstSession, 10_000), fsm.CodeGranted)
	waiting := acquireOf("l", secondSession, 10_000)
	waiting.Wait = 20_000
	got := h.submit(waiting)
	h.run(100 * time.Millisecond)
	renewal := h.submit(&fsm.Renew{Name: "l", Session: firstSession})
	h.term.packer.version.Store(fsm.EntryVersion)
	h.do(acquireOf("other", "third-session-00001", 10_000), fsm.CodeGranted)
	if h.replica.Machine.Salt() == "" {
		t.Fatal("the sessions are not sealed")
	}
	h.run(100 * time.Millisecond)
	if renewal.count != 1 || renewal.reply.Code != fsm.CodeOK {
		t.Errorf("the renewal on its way: %v, %v", renewal.reply.Code, renewal.err)
	}
	h.do(&fsm.Release{Name: "l", Session: firstSession}, fsm.CodeOK)
	h.run(100 * time.Millisecond)
	if got.count != 1 || got.reply.Code != fsm.CodeGranted {
		t.Errorf("the waiter: %d answers, %v, %v", got.count, got.reply.Code, got.err)
	}
}

// TestRenewalIsCheckedAgainWhenItIsConfirmed: the session held nothing, or less, when the renewal arrived. What it was
// granted since belongs to another principal, or is outside the rules of the caller.
func TestRenewalIsCheckedAgainWhenItIsConfirmed(t *testing.T) {
	for _, renewal := range []fsm.Command{renewAs(ops, "app.a", firstSession), &fsm.RenewSession{Sender: ops, Session: firstSession}} {
		h := guardedHost(t)
		h.silent = true
		got := h.submit(renewal)
		h.run(50 * time.Millisecond)
		h.do(acquireAs(appSender(), "app.a", firstSession), fsm.CodeGranted)
		h.silent = false
		if h.run(200 * time.Millisecond); got.count != 1 || got.reply.Code != fsm.CodeNotHolder {
			t.Errorf("%T: %d answers, %v, %v", renewal, got.count, got.reply.Code, got.err)
		}
	}
	h := guardedHost(t)
	h.do(acquireAs(appSender(), "app.a", firstSession), fsm.CodeGranted)
	h.do(acquireAs(appSender(), "app.b", firstSession), fsm.CodeGranted)
	h.silent = true
	got := h.submit(&fsm.RenewSession{Sender: appSender(), Session: firstSession})
	h.run(50 * time.Millisecond)
	h.submit(&fsm.ChangeAccess{Sender: ops, Change: access.Change{Kind: access.SetPrincipal, Principal: access.Principal{
		Name: "app", Rules: access.Rules{{Right: access.Acquire, Scope: "app.b"}},
	}}})
	h.run(50 * time.Millisecond)
	h.silent = false
	if h.run(200 * time.Millisecond); got.count != 1 || got.reply.Code != fsm.CodeOK || len(got.reply.Holds) != 1 {
		t.Errorf("%d answers, %v, %v, %+v", got.count, got.reply.Code, got.err, got.reply.Holds)
	}
}

// TestRevocationBeforeTheRoundEndsIsNotConfirmed: the entry was committed before the request arrived, and is applied
// while the round is on its way.
func TestRevocationBeforeTheRoundEndsIsNotConfirmed(t *testing.T) {
	for _, ttl := range []fsm.Millis{10_000, 90_000} {
		revokedDuringRenewal(t, ttl)
	}
}

func revokedDuringRenewal(t *testing.T, ttl fsm.Millis) {
	t.Helper()
	h := guardedHost(t)
	acquire := acquireAs(appSender(), "app.a", firstSession)
	acquire.TTL = ttl
	h.do(acquire, fsm.CodeGranted)
	h.silent = true
	got := h.submit(renewAs(appSender(), "app.a", firstSession))
	h.run(50 * time.Millisecond)
	h.submit(&fsm.ChangeAccess{Sender: ops, Change: access.Change{Kind: access.DeleteToken, Token: access.Record{ID: "bbbbbbbbbb"}}})
	h.run(50 * time.Millisecond)
	h.silent = false
	if h.run(200 * time.Millisecond); got.count != 1 || got.reply.Code != fsm.CodeAccessRefused || got.reply.Outcome != access.Unauthenticated {
		t.Errorf("a TTL of %d: %d answers, %v, %v, %v", ttl, got.count, got.reply.Code, got.reply.Outcome, got.err)
	}
}

// TestChangesOfAccessAreProposedOneAtATime: of two changes that expect the same revision, one is refused.
func TestChangesOfAccessAreProposedOneAtATime(t *testing.T) {
	h := guardedHost(t)
	set := func(expected uint64, scope string) *received {
		return h.submit(&fsm.ChangeAccess{Sender: ops, Change: access.Change{Kind: access.SetPrincipal, Principal: access.Principal{
			Name: "new", Rules: access.Rules{{Right: access.Read, Scope: scope}}, Changed: expected,
		}}})
	}
	wants := func(r *received, o access.Outcome) {
		t.Helper()
		if r.count != 1 || r.err != nil || r.reply.Outcome != o {
			t.Errorf("%d answers, %v, %v, want %v", r.count, r.reply.Outcome, r.err, o)
		}
	}
	first, second, unchecked := set(access.Absent, "a"), set(access.Absent, "b"), set(0, "c")
	refused := h.submit(&fsm.ChangeAccess{Sender: appSender(), Change: access.Change{Kind: access.SetMode, Mode: access.Permissive}})
	if h.term.Pending() < 3 {
		t.Errorf("%d pending", h.term.Pending())
	}
	h.run(time.Second)
	wants(first, access.Done)
	wants(second, access.UnknownPrincipal)
	wants(unchecked, access.Done)
	wants(refused, access.NotAllowed)
	at := h.replica.Machine.Access().Principal("new").Changed
	if at != unchecked.reply.Revision {
		t.Errorf("the principal has revision %d, want %d", at, unchecked.reply.Revision)
	}
	first, second = set(at, "d"), set(at, "e")
	h.run(time.Second)
	wants(first, access.Done)
	wants(second, access.UnknownPrincipal)
	repeat := set(at, "d")
	h.run(time.Second)
	wants(repeat, access.Done)
	last := set(0, "f")
	waiting := set(0, "g")
	h.deposed = true
	h.term.Close()
	if h.run(time.Second); last.count != 1 || waiting.count != 1 || waiting.err == nil || h.term.Pending() != 0 {
		t.Errorf("after the term: %d answers, %d answers, %v, %d pending", last.count, waiting.count, waiting.err, h.term.Pending())
	}
}

// TestQueuedCommandsOfARevokedTokenAreRefused: they were accepted before the revocation was applied. What was packed is
// refused by the machine.
func TestQueuedCommandsOfARevokedTokenAreRefused(t *testing.T) {
	h := guardedHost(t)
	h.do(acquireAs(appSender(), "app.held", firstSession), fsm.CodeGranted)
	revocation := h.submit(&fsm.ChangeAccess{Sender: ops, Change: access.Change{Kind: access.DeleteToken, Token: access.Record{ID: "bbbbbbbbbb"}}})
	h.runTask()
	packed := h.submit(acquireAs(appSender(), "app.packed", firstSession))
	h.runTask()
	if len(h.term.packer.lanes.queues[fsm.LaneAcquire]) != 0 {
		t.Fatal("the first acquire is not packed")
	}
	waiting := acquireAs(appSender(), "app.held", secondSession)
	waiting.Wait = 10_000
	queued := []*received{h.submit(acquireAs(appSender(), "app.queued", firstSession)), h.submit(waiting), h.submit(&fsm.Release{Sender: appSender(), Name: "app.held", Session: firstSession})}
	other := h.submit(&fsm.StepDown{Sender: ops, Name: "app.held", Token: 1})
	if len(h.term.packer.lanes.queues[fsm.LaneAcquire]) == 0 {
		t.Fatal("the second acquire does not wait to be packed")
	}
	h.silent = true
	h.run(50 * time.Millisecond)
	if revocation.count != 1 || packed.count != 1 || packed.reply.Code != fsm.CodeAccessRefused {
		t.Fatalf("revoked: %d; what was packed: %d, %v", revocation.count, packed.count, packed.reply.Code)
	}
	h.silent = false
	h.run(100 * time.Millisecond)
	for i, r := range queued {
		if r.count != 1 || r.err != nil || r.reply.Code != fsm.CodeAccessRefused || r.reply.Outcome != access.Unauthenticated {
			t.Errorf("%d: %d answers, %v, %v, %v", i, r.count, r.reply.Code, r.reply.Outcome, r.err)
		}
	}
	if other.count != 1 || other.reply.Code == fsm.CodeAccessRefused {
		t.Errorf("a command of another caller: %d answers, %v", other.count, other.reply.Code)
	}
	if l := h.lease("app.held"); len(l.Holds) != 1 || len(l.Queue) != 0 || h.term.packer.lanes.bytes != 0 || h.term.Pending() != 0 {
		t.Errorf("%+v, %d pending", l, h.term.Pending())
	}
}
