package fsm

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/access"
)

const secret = "a-very-secret-session"

// at applies commands as an entry of a version, and returns the result of the last one.
func at(m *Machine, version uint64, commands ...Command) Result {
	out := m.Apply(1, &Entry{Version: version, Term: 1, Stamp: m.now + 1, Wall: 1_700_000_000_000, Commands: commands})
	return out.Results[len(out.Results)-1]
}

func acquireAs(name, session string) *Acquire {
	return &Acquire{Name: name, Holder: "x", Session: session, TTL: 15_000, Limit: 1, Wait: 30_000}
}

func TestSessionsAreSealedWhenEveryMemberReadsIt(t *testing.T) {
	m := New()
	at(m, 2, &InitCluster{ClusterID: "c1"}, acquireAs("held", secret), acquireAs("held", secret+"2"), acquireAs("freed", secret),
		&Release{Name: "freed", Session: secret})
	if m.Salt() != "" || m.Lease("held").HoldOf(secret) == nil {
		t.Fatal("a member of version 2 cannot read a sealed session")
	}
	bytesBefore := m.leases.Bytes()
	if r := at(m, 3, &Renew{Name: "held", Session: secret}); r.Code != CodeOK {
		t.Errorf("a renewal after the change: %v", r.Code)
	}
	if r := at(m, 3, acquireAs("held", secret+"2")); r.Code != CodeQueued || r.Position != 1 {
		t.Errorf("the waiter has lost its place: %+v", r)
	}
	if r := at(m, 3, &Release{Name: "freed", Session: secret, Token: m.Lease("freed").History.Previous().Token}); r.Previous.Token == 0 {
		t.Error("the end of a hold is not found by its session")
	}
	if snapshot := snapshotOf(t, m); bytes.Contains(snapshot, []byte(secret)) {
		t.Error("the snapshot has a session")
	}
	if m.leases.Bytes() > bytesBefore+200 {
		t.Errorf("%d bytes are counted, before %d", m.leases.Bytes(), bytesBefore)
	}
	again, err := Restore(bytes.NewReader(snapshotOf(t, m)))
	if err != nil || again.Salt() != m.Salt() || again.Hash() != m.Hash() || again.leases.Bytes() != m.leases.Bytes() {
		t.Errorf("restored with salt %q, %d bytes, %v", again.Salt(), again.leases.Bytes(), err)
	}
	at(m, 3, &Recover{}, &InitCluster{ClusterID: "c2"})
	if r := at(m, 3, &Renew{Name: "held", Session: secret}); r.Code != CodeOK {
		t.Errorf("a recovered cluster has another ID, and the session is lost: %v", r.Code)
	}
}

// A data directory of version 2 is restored, and its first entry of version 3 seals what it has. So does a log of
// version 2 that is played.
func TestRestoredSessionsAreSealed(t *testing.T) {
	m := New()
	at(m, 2, &InitCluster{ClusterID: "c1"}, acquireAs("a", secret), acquireAs("b", secret))
	old, err := Restore(bytes.NewReader(snapshotOf(t, m)))
	if err != nil {
		t.Fatal(err)
	}
	for _, machine := range []*Machine{m, old} {
		if r := at(machine, 3, &RenewSession{Session: secret}); len(r.Holds) != 2 {
			t.Errorf("%d holds are renewed", len(r.Holds))
		}
	}
	if m.Hash() != old.Hash() {
		t.Error("the machines differ")
	}
}

func TestSealedCommandIsThatOfTheSession(t *testing.T) {
	m := New()
	at(m, 3, &InitCluster{ClusterID: "c1"}, acquireAs("a", secret))
	for _, c := range []Command{
		acquireAs("a", secret), &AcquireAll{Names: []string{"a"}, Session: secret}, &Renew{Name: "a", Session: secret},
		&RenewSession{Session: secret}, &Release{Name: "b", Session: secret}, &ReleaseSession{Session: secret, Only: []Ref{{"b", 1}}},
		&Transfer{Name: "b", Session: secret}, &CancelAcquire{Name: "b", Session: secret}, &EndWait{Name: "b", Session: secret},
	} {
		s := Sealed(c, m.Salt())
		session := sessionOf(s)
		if !access.IsSealed(session) || strings.Contains(session, secret) || m.Lease("a").HoldOf(session) == nil {
			t.Errorf("%T is sealed as %q", c, session)
		}
		if sessionOf(c) != secret {
			t.Errorf("%T itself has changed", c)
		}
		if Sealed(s, m.Salt()) != s {
			t.Errorf("%T is sealed twice", c)
		}
		if Sealed(c, "") != c {
			t.Errorf("%T is sealed without a salt", c)
		}
		if err := s.Validate(); err == nil {
			t.Errorf("%T of a client may have a sealed session", c)
		}
	}
	if err := ValidateSent(Sealed(acquireAs("a", secret), m.Salt())); err != nil {
		t.Errorf("a sealed command from another node: %v", err)
	}
	for _, session := range []string{"=", "=short", "=" + strings.Repeat("x", 100), "short"} {
		if ValidateSent(&Renew{Name: "a", Session: session}) == nil {
			t.Errorf("session %q is accepted", session)
		}
	}
	if ValidateSent(&Renew{Name: "", Session: Sealed(acquireAs("a", secret), "x").(*Acquire).Session}) == nil {
		t.Error("a sealed command without a name is accepted")
	}
}

// TestOwnOfASession: what a session has of a lease is found by the session, and by its sealed form.
func TestOwnOfASession(t *testing.T) {
	for _, version := range []uint64{2, EntryVersion} {
		m := New()
		at(m, version, &InitCluster{ClusterID: "c1"}, acquireAs("job", secret), acquireAs("job", secret+"2"))
		token := m.Lease("job").Holds[0].Token
		for _, session := range []string{secret, access.SealSession(m.Salt(), secret)} {
			if own := OwnOf(m, "job", session); own.Token != token || own.Position != 0 || own.Ended != 0 {
				t.Errorf("version %d: the holder has %+v", version, own)
			}
		}
		if own := OwnOf(m, "job", secret+"2"); own.Position != 1 || own.Token != 0 {
			t.Errorf("version %d: the waiter has %+v", version, own)
		}
		at(m, version, &Break{Name: "job", Token: token, Reason: "r"})
		if own := OwnOf(m, "job", secret); own.Token != 0 || own.Last != token || own.Ended == 0 {
			t.Errorf("version %d: the former holder has %+v", version, own)
		}
		if own := OwnOf(m, "job", ""); own.Token != 0 || own.Position != 0 || own.Ended != 0 {
			t.Errorf("version %d: no session has %+v", version, own)
		}
	}
}
