package api_test

import (
	"context"
	"crypto/sha256"
	"testing"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

// directory is the principals and tokens of a node's machine.
type directory struct{ *node }

func (d directory) table() *access.Table {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.behind != nil {
		return d.behind
	}
	return d.machine.Access().Copy()
}

func (d directory) Mode() access.Mode    { return d.table().Mode() }
func (d directory) Table() *access.Table { return d.table() }

// CatchUp needs a leader.
func (d directory) CatchUp(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail == nil {
		d.behind = nil
	}
	return d.fail
}

func (d directory) Quotas() ([]access.Quota, []fsm.QuotaUsage) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.machine.Access().Quotas(), fsm.QuotaUsages(d.machine)
}

func (d directory) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

func (d directory) Token(id string) (*access.Record, access.Rules) {
	t := d.table()
	r := t.Token(id)
	if r == nil {
		return nil, nil
	}
	return r, t.RulesOf(r)
}

func (d directory) Rules(principal string) access.Rules {
	if p := d.table().Principal(principal); p != nil {
		return p.Rules
	}
	return nil
}

// counting is a source of random bytes that are different for each token and the same in each run.
type counting struct{ seed string }

func (c counting) Read(b []byte) (int, error) {
	for i := range b {
		if i%sha256.Size == 0 {
			sum := sha256.Sum256([]byte(c.seed + string(rune(i))))
			copy(b[i:], sum[:])
		}
	}
	return len(b), nil
}

// change applies changes of access to the machine.
func (n *node) change(t testing.TB, changes ...access.Change) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range changes {
		if r := n.apply(&fsm.ChangeAccess{Sender: fsm.Sender{Caller: access.Caller{Local: true}}, Change: c}); r.Code != fsm.CodeOK {
			t.Fatalf("%+v: %v", c, r.Outcome)
		}
	}
}

// token creates a token of a principal with these rules, and the principal, and returns the value of the header
// Authorization.
func (n *node) token(t testing.TB, principal string, rules ...string) string {
	t.Helper()
	allowed, err := access.ParseRules(rules)
	if err != nil {
		t.Fatal(err)
	}
	token, err := access.NewToken(counting{principal})
	if err != nil {
		t.Fatal(err)
	}
	n.change(t, access.Change{Kind: access.SetPrincipal, Principal: access.Principal{Name: principal, Rules: allowed}},
		access.Change{Kind: access.AddToken, Token: access.Record{ID: token.ID, Hash: token.Hash(), Principal: principal, Created: epoch}})
	return "Bearer " + token.Secret()
}

// admin returns the credential of an administrator.
func (w *world) admin() string {
	w.Helper()
	return w.node.token(w, "ops", "admin")
}
