package access

import "testing"

// applied returns a table after some changes at the revisions from 1.
func applied(t *testing.T, changes ...Change) *Table {
	t.Helper()
	table := NewTable()
	for i, c := range changes {
		if o, _ := table.Apply(c, uint64(i+1), 0); o != Done {
			t.Fatalf("%d: %v", i, o)
		}
	}
	return table
}

func TestPrincipalIsSetAtTheExpectedRevision(t *testing.T) {
	table := applied(t, set("billing", billing))
	for i, test := range []struct {
		name     string
		rule     Rule
		expected uint64
		want     Outcome
	}{
		{"billing", admin, 0, Done},
		{"billing", admin, 1, Done},
		{"billing", admin, 2, UnknownPrincipal},
		{"billing", admin, Absent, UnknownPrincipal},
		{"billing", billing, 2, Done}, // a repeat
		{"billing", billing, Absent, Done},
		{"new", admin, 0, Done},
		{"new", admin, 1, UnknownPrincipal},
		{"new", admin, Absent, Done},
	} {
		c := set(test.name, test.rule)
		c.Principal.Changed = test.expected
		if got := table.Expects(c, Caller{Local: true}, 0); got != test.want {
			t.Errorf("%d: %v, want %v", i, got, test.want)
		}
	}
}

// TestAuthenticationIsEnabledOnlyIfAnAdministratorHasACredential: else only the admin socket could change anything.
func TestAuthenticationIsEnabledOnlyIfAnAdministratorHasACredential(t *testing.T) {
	socket, enable := Caller{Local: true}, Change{Kind: SetMode, Mode: On}
	narrow := add(3, "ops", Rule{Right: Read, Scope: "*"})
	short := add(4, "ops")
	short.Token.Expires = 1_000
	for i, test := range []struct {
		changes []Change
		by      Caller
		wall    int64
		want    Outcome
	}{
		{[]Change{set("ops", admin)}, socket, 0, NoAdmin},
		{[]Change{set("ops", admin), set("app", billing), add(2, "app"), narrow}, socket, 0, NoAdmin},
		{[]Change{set("ops", admin), add(1, "ops")}, socket, 0, Done},
		{[]Change{set("ops", admin), short}, socket, 999, Done},
		{[]Change{set("ops", admin), short}, socket, 1_000, NoAdmin},
		{[]Change{set("ops", admin)}, Caller{Principal: "ops"}, 0, Done}, // by a certificate
	} {
		table := applied(t, test.changes...)
		if got := table.Expects(enable, test.by, test.wall); got != test.want {
			t.Errorf("%d: %v, want %v", i, got, test.want)
		}
		if got := table.Expects(Change{Kind: SetMode, Mode: Permissive}, test.by, test.wall); got != Done {
			t.Errorf("%d: permissive: %v", i, got)
		}
	}
}

// TestFirstTokenIsForANewClusterOnly: authentication was enabled, and all principals were deleted.
func TestFirstTokenIsForANewClusterOnly(t *testing.T) {
	first := Change{Kind: FirstToken, Token: record(1, "admin")}
	table := applied(t, first)
	if got := table.Expects(first, Caller{Local: true}, 0); got != Done {
		t.Errorf("a repeat: %v", got)
	}
	table = applied(t, first, Change{Kind: SetMode, Mode: On}, Change{Kind: DeletePrincipal, Principal: Principal{Name: "admin"}})
	if got := table.Expects(first, Caller{Local: true}, 0); got != NotFirst {
		t.Errorf("after the last principal was deleted: %v", got)
	}
}
