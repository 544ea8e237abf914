package fsm

import (
	"fmt"
	"strings"
	"testing"
)

// fill applies commands until the machine refuses one, and returns how many it applied.
func fill(t *testing.T, m *Machine, command func(i int) Command) int {
	t.Helper()
	for i := range 200_000 {
		out := m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Stamp: Millis(i), Commands: []Command{command(i)}})
		if r := out.Results[0]; r.Code == CodeStateFull {
			return i
		} else if !r.Code.OK() && r.Code != CodeQueued {
			t.Fatalf("command %d: %v", i, r.Code)
		}
		if m.Bytes() > m.Budget() {
			t.Fatalf("%d bytes after command %d, and the budget is %d", m.Bytes(), i, m.Budget())
		}
	}
	t.Fatal("the state grows without a bound")
	return 0
}

func budgeted(stated ...uint64) *Machine {
	m := New()
	for i, most := range stated {
		m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Commands: []Command{&SetNode{Node{
			ID: fmt.Sprint("n", i), Name: "n", Peer: "h:1", HTTP: "h:2", Version: EntryVersion, MaxState: most,
		}}}})
	}
	return m
}

// The state stays within the smallest budget that a member states, and holds can still be
// renewed and released, regardless of the commands that fill it.
func TestTheStateStaysWithinItsBudget(t *testing.T) {
	meta := `{"a":"` + strings.Repeat("x", MaxMetaBytes-8) + `"}`
	session := func(i int) string { return fmt.Sprintf("session-%08d", i) }
	for name, command := range map[string]func(i int) Command{
		"leases": func(i int) Command {
			return &Acquire{Name: fmt.Sprint("lease", i), Holder: "x", Session: session(i), TTL: DefaultTTL, Limit: 1, Meta: meta}
		},
		"several names at once": func(i int) Command {
			c := &AcquireAll{Holder: "x", Session: session(i), TTL: DefaultTTL, Meta: meta}
			for n := range MaxNames {
				c.Names = append(c.Names, fmt.Sprint("lease", i, ".", n))
			}
			return c
		},
		"waiters": func(i int) Command {
			return &Acquire{
				Name: fmt.Sprint("lease", i/500), Holder: "x", Session: session(i), TTL: DefaultTTL, Limit: 1, Meta: meta, Wait: MaxWait,
			}
		},
		"holders": func(i int) Command {
			return &Acquire{
				Name: fmt.Sprint("lease", i/MaxLimit), Holder: "x", Session: session(i), TTL: DefaultTTL, Limit: MaxLimit, Meta: meta,
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := budgeted(64<<20, 16<<20, 0)
			if m.Budget() != 16<<20 {
				t.Fatalf("the budget is %d", m.Budget())
			}
			if took := fill(t, m, command); took == 0 {
				t.Fatal("nothing was taken")
			}
			if m.Bytes() < m.Budget()*9/10 {
				t.Errorf("it was refused at %d of %d bytes", m.Bytes(), m.Budget())
			}
			for _, c := range []Command{
				&RenewSession{Session: session(0)}, &ReleaseSession{Session: session(0)},
			} {
				if r := m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Commands: []Command{c}}).Results[0]; !r.Code.OK() {
					t.Errorf("%T: %v", c, r.Code)
				}
			}
			if broken := invariants(m, nil); broken != "" {
				t.Error(broken)
			}
			if again := restored(t, m); again.Bytes() != m.Bytes() || again.Budget() != m.Budget() {
				t.Errorf("restored: %d bytes of %d, want %d of %d", again.Bytes(), again.Budget(), m.Bytes(), m.Budget())
			}
		})
	}
}

// The histories of free leases, and the ends, never fill the budget: the oldest are
// forgotten.
func TestFreeLeasesAndEndsAreForgottenWithinTheBudget(t *testing.T) {
	m := budgeted(MinStateBytes)
	for i := range 20_000 {
		name, session := fmt.Sprintf("%0150d", i), fmt.Sprintf("session-%08d", i)
		out := m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Stamp: Millis(i), Commands: []Command{
			&Acquire{Name: name, Holder: "x", Session: session, TTL: DefaultTTL, Limit: 1, Meta: `{"a":"` + strings.Repeat("x", 500) + `"}`},
			&Release{Name: name, Session: session},
		}})
		if !out.Results[0].Code.OK() {
			t.Fatalf("lease %d: %v, at %d of %d bytes", i, out.Results[0].Code, m.Bytes(), m.Budget())
		}
	}
	if broken := invariants(m, nil); broken != "" {
		t.Error(broken)
	}
}

func TestAMetaThatDoesNotFitIsRefusedAndTheHoldStays(t *testing.T) {
	m := budgeted(MinStateBytes)
	took := fill(t, m, func(i int) Command {
		return &Acquire{Name: fmt.Sprint("lease", i), Holder: "x", Session: "session-00000001", TTL: DefaultTTL, Limit: 1}
	})
	if took < 2 {
		t.Fatal("nothing was taken")
	}
	meta := `{"a":"` + strings.Repeat("x", MaxMetaBytes-8) + `"}`
	h := m.Lease("lease0").Holds[0]
	out := m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Commands: []Command{
		&Renew{Name: "lease0", Session: "session-00000001", Token: h.Token, Meta: &meta},
		&Renew{Name: "lease0", Session: "session-00000001", Token: h.Token},
	}})
	if out.Results[0].Code != CodeStateFull || out.Results[1].Code != CodeOK {
		t.Errorf("%v, then %v", out.Results[0].Code, out.Results[1].Code)
	}
}

// A late copy is refused even if its end is no longer kept, also by a restored machine. An
// acquire that its node sends again is granted.
func TestALateCopyIsRefusedWhenItsEndIsForgotten(t *testing.T) {
	m := budgeted(MinStateBytes)
	apply := func(c Command) Code {
		return m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Commands: []Command{c}}).Results[0].Code
	}
	sent := m.Revision()
	one := func() *Acquire {
		return &Acquire{Name: "x", Holder: "x", Session: "session-00000001", TTL: DefaultTTL, Limit: 1, Sent: sent}
	}
	several := &AcquireAll{Names: []string{"x", "y"}, Holder: "x", Session: "session-00000001", TTL: DefaultTTL, Sent: sent}
	apply(one())
	apply(&Release{Name: "x", Session: "session-00000001"})
	for i := 0; m.ends.forgotten <= sent+2; i++ {
		apply(&Release{Name: "y", Session: fmt.Sprintf("session-x%07d", i)})
	}
	if _, kept := m.ends.revisions[sessionName{"session-00000001", "x"}]; kept {
		t.Fatal("the end is still kept")
	}
	m = restored(t, m)
	if code := apply(one()); code != CodeOutdated {
		t.Errorf("the late copy: %v", code)
	}
	if code := apply(several); code != CodeOutdated {
		t.Errorf("the late copy of several names: %v", code)
	}
	sent = m.Revision()
	if code := apply(one()); code != CodeGranted {
		t.Errorf("sent again: %v", code)
	}
}
