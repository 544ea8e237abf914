package fsm

import (
	"testing"

	"github.com/lockd/lockd/internal/access"
)

// guarded returns a machine with authentication, and the principals ops, billing and other.
func guarded(t *testing.T) *Machine {
	t.Helper()
	m := New()
	at(m, 3, &InitCluster{ClusterID: "c1"})
	all := access.Rules{{Right: access.Acquire, Scope: "*"}}
	for _, c := range []access.Change{
		{Kind: access.FirstToken, Token: access.Record{ID: "aaaaaaaaaa", Principal: "ops"}},
		{Kind: access.SetPrincipal, Principal: access.Principal{Name: "billing", Rules: access.Rules{{Right: access.Acquire, Scope: "billing."}}}},
		{Kind: access.SetPrincipal, Principal: access.Principal{Name: "other", Rules: all}},
		{Kind: access.AddToken, Token: access.Record{ID: "bbbbbbbbbb", Principal: "billing", Expires: 5_000}},
		{Kind: access.SetMode, Mode: access.On},
	} {
		if r := at(m, 3, &ChangeAccess{Change: c}); r.Code != CodeOK {
			t.Fatalf("%+v: %v %v", c, r.Code, r.Outcome)
		}
	}
	return m
}

var socket = Sender{access.Caller{Local: true}}

func by(principal string) Sender { return Sender{access.Caller{Principal: principal}} }

// TestHoldsBelongToTheirPrincipal: the right session of another principal does nothing.
func TestHoldsBelongToTheirPrincipal(t *testing.T) {
	m := guarded(t)
	acquire := acquireAs("billing.a", secret)
	acquire.Sender = by("billing")
	held := at(m, 3, acquire)
	waiting := acquireAs("billing.a", secret+"2")
	waiting.Sender = by("billing")
	at(m, 3, waiting)
	before := m.Hash()
	for want, commands := range map[Code][]Command{
		CodeNotHolder: {
			&Renew{Sender: by("other"), Name: "billing.a", Session: secret},
			&Renew{Name: "billing.a", Session: secret},
			&RenewSession{Sender: by("other"), Session: secret},
			&Release{Sender: by("other"), Name: "billing.a", Session: secret},
			&Release{Sender: by("other"), Name: "billing.a", Session: secret + "2"},
			&ReleaseSession{Sender: by("other"), Session: secret},
			&Transfer{Sender: by("other"), Name: "billing.a", Session: secret, To: "x"},
		},
		CodeSessionInUse: {
			&Acquire{Sender: by("other"), Name: "billing.a", Holder: "x", Session: secret, TTL: 15_000, Limit: 1, Reclaim: true},
			&Acquire{Sender: by("other"), Name: "free", Holder: "x", Session: secret, TTL: 15_000, Limit: 1},
			&AcquireAll{Sender: by("other"), Names: []string{"free"}, Holder: "x", Session: secret, TTL: 15_000},
			&Acquire{Sender: by("other"), Name: "billing.a", Holder: "x", Session: secret + "2", TTL: 15_000, Limit: 1},
		},
	} {
		for _, c := range commands {
			if r := at(m, 3, c); r.Code != want {
				t.Errorf("%T of another principal: %v, want %v", c, r.Code, want)
			}
		}
	}
	m.now, m.wall = 0, 0
	after := m.Lease("billing.a")
	if len(after.Holds) != 1 || after.Holds[0].Token != held.Hold.Token || len(after.Queue) != 1 {
		t.Errorf("the lease has changed: %+v", after)
	}
	_ = before
	if r := at(m, 3, &Transfer{Sender: by("billing"), Name: "billing.a", Session: secret, To: "x"}); r.Code != CodeOK || r.Hold.Principal != "billing" {
		t.Errorf("a transfer of the principal: %v, %+v", r.Code, r.Hold)
	}
}

// What was acquired before authentication belongs to its session: its holder renews it with a credential from then on.
func TestHoldsFromBeforeAuthenticationLiveOn(t *testing.T) {
	m := guarded(t)
	at(m, 3, &ChangeAccess{Sender: socket, Change: access.Change{Kind: access.SetMode, Mode: access.Off}})
	at(m, 3, acquireAs("old", secret))
	at(m, 3, &ChangeAccess{Change: access.Change{Kind: access.SetMode, Mode: access.On}})
	if r := at(m, 3, &Renew{Sender: by("billing"), Name: "old", Session: secret}); r.Code != CodeOK {
		t.Errorf("a renewal with a credential: %v", r.Code)
	}
	at(m, 3, &ChangeAccess{Sender: socket, Change: access.Change{Kind: access.SetMode, Mode: access.Off}})
	if r := at(m, 3, &Renew{Name: "old", Session: secret}); r.Code != CodeOK {
		t.Errorf("a renewal without authentication: %v", r.Code)
	}
}

func TestCheckOfCommands(t *testing.T) {
	m := guarded(t)
	token := func(principal, id string) Sender { return Sender{access.Caller{Principal: principal, TokenID: id}} }
	local := Sender{access.Caller{Local: true}}
	change := func(s Sender, c access.Change) Command { return &ChangeAccess{Sender: s, Change: c} }
	own := access.Change{Kind: access.AddToken, Token: access.Record{Principal: "billing"}}
	for i, test := range []struct {
		command Command
		wall    int64
		want    access.Outcome
	}{
		{&Renew{Name: "billing.a"}, 0, access.Unauthenticated},
		{&Renew{Sender: by("nobody"), Name: "billing.a"}, 0, access.Unauthenticated},
		{&Renew{Sender: by("billing"), Name: "billing.a"}, 0, access.Done},
		{&Renew{Sender: token("billing", "bbbbbbbbbb"), Name: "billing.a"}, 4_999, access.Done},
		{&Renew{Sender: token("billing", "bbbbbbbbbb"), Name: "billing.a"}, 5_000, access.Unauthenticated},
		{&Renew{Sender: token("other", "bbbbbbbbbb"), Name: "billing.a"}, 0, access.Unauthenticated},
		{&Renew{Sender: token("billing", "zzzzzzzzzz"), Name: "billing.a"}, 0, access.Unauthenticated},
		{&Renew{Sender: by("billing"), Name: "billing"}, 0, access.NotAllowed},
		{&RenewSession{Sender: by("billing")}, 0, access.Done},
		{&RenewSession{Sender: by("billing"), Only: []Ref{{"x", 1}}}, 0, access.NotAllowed},
		{&AcquireAll{Sender: by("billing"), Names: []string{"billing.a", "x"}}, 0, access.NotAllowed},
		{&Break{Sender: by("billing"), Name: "billing.a"}, 0, access.NotAllowed},
		{&StepDown{Sender: by("other"), Name: "billing.a"}, 0, access.NotAllowed},
		{&Break{Sender: by("ops"), Name: "billing.a"}, 0, access.Done},
		{&Break{Sender: local, Name: "billing.a"}, 0, access.Done},
		{change(by("billing"), access.Change{Kind: access.SetMode}), 0, access.NotAllowed},
		{change(by("billing"), own), 0, access.Done},
		{change(by("other"), own), 0, access.NotAllowed},
		{change(by("ops"), own), 0, access.Done},
		{change(local, access.Change{Kind: access.SetMode}), 0, access.Done},
		{&Expire{}, 0, access.Done},
		{&CancelAcquire{Name: "billing.a"}, 0, access.Done},
	} {
		if got := m.Check(test.command, test.wall); got != test.want {
			t.Errorf("%d, %T: %v, want %v", i, test.command, got, test.want)
		}
	}
	at(m, 3, &ChangeAccess{Sender: socket, Change: access.Change{Kind: access.SetMode, Mode: access.Permissive}})
	if got := m.Check(&Renew{Name: "billing.a"}, 0); got != access.Done {
		t.Errorf("while the mode is permissive: %v", got)
	}
}

// TestEveryCommandOfAClientStatesItsCaller: a command that is neither guarded nor internal could be sent by anyone. A
// clean-up is one of a node: it knows the attempt.
func TestEveryCommandOfAClientStatesItsCaller(t *testing.T) {
	for k := kind(1); int(k) < len(commands); k++ {
		c := newCommand(k)
		_, isGuarded := c.(Guarded)
		_, cleanUp := c.(*CancelAcquire)
		if isGuarded == (c.Traits().Internal || cleanUp) {
			t.Errorf("%T: guarded %t, internal %t", c, isGuarded, c.Traits().Internal)
		}
	}
}

// TestAuthenticationIsDisabledByTheSocketOnly: also if the node of the caller does not know that it is enabled.
func TestAuthenticationIsDisabledByTheSocketOnly(t *testing.T) {
	m := guarded(t)
	for _, mode := range []access.Mode{access.Off, access.Permissive} {
		change := access.Change{Kind: access.SetMode, Mode: mode}
		if r := at(m, 3, &ChangeAccess{Sender: by("ops"), Change: change}); r.Outcome != access.OnlySocket || !m.Guards() {
			t.Errorf("%v by an administrator: %v", mode, r.Outcome)
		}
	}
	if r := at(m, 3, &ChangeAccess{Sender: socket, Change: access.Change{Kind: access.SetMode, Mode: access.Off}}); r.Code != CodeOK || m.Guards() {
		t.Errorf("by the socket: %v", r.Outcome)
	}
}

// TestChangesOfAccessNeedARightInEveryMode: what is created while no request needs a credential counts later.
func TestChangesOfAccessNeedARightInEveryMode(t *testing.T) {
	for _, mode := range []access.Mode{access.Off, access.Permissive, access.On} {
		m := guarded(t)
		at(m, 3, &ChangeAccess{Sender: socket, Change: access.Change{Kind: access.AddToken, Token: access.Record{
			ID: "nnnnnnnnnn", Principal: "ops", Rules: access.Rules{{Right: access.Read, Scope: "billing."}},
		}}})
		at(m, 3, &ChangeAccess{Sender: socket, Change: access.Change{Kind: access.SetMode, Mode: mode}})
		narrow := Sender{access.Caller{Principal: "ops", TokenID: "nnnnnnnnnn"}}
		wider := &ChangeAccess{Sender: narrow, Change: access.Change{Kind: access.AddToken, Token: access.Record{ID: "wwwwwwwwww", Principal: "ops"}}}
		if got := m.Check(wider, 0); got != access.TooManyRights {
			t.Errorf("%v: a narrow token creates a wider one: %v", mode, got)
		}
		if got := m.Check(&ChangeAccess{Change: access.Change{Kind: access.SetMode}}, 0); got != access.Unauthenticated {
			t.Errorf("%v: a caller without a credential changes the mode: %v", mode, got)
		}
	}
}

// A token is revoked between the proposal of a command and its entry. Before version 4 only the leader checked.
func TestRevokedCallerIsRefusedWhenItsCommandIsApplied(t *testing.T) {
	for version, want := range map[uint64]Code{3: CodeGranted, 4: CodeAccessRefused} {
		m := New()
		at(m, version, append([]Command{&InitCluster{ClusterID: "c1"}}, accessSamples()...)...)
		acquire := acquireAs("billing.a", secret)
		acquire.Caller = access.Caller{Principal: "billing"}
		revoke := &ChangeAccess{
			Sender: Sender{access.Caller{Local: true}},
			Change: access.Change{Kind: access.DeletePrincipal, Principal: access.Principal{Name: "billing"}},
		}
		if r := at(m, version, revoke, acquire); r.Code != want {
			t.Errorf("version %d: %v, want %v", version, r.Code, want)
		}
	}
}
