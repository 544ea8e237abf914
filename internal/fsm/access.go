package fsm

import (
	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/fsm/lease"
)

// ChangeAccess changes principals, tokens or whether requests need credentials. It came with version 3: a cluster with
// an older member refuses it.
type ChangeAccess struct {
	Sender
	Change access.Change
}

func (*ChangeAccess) kind() kind { return 18 }

// Traits implements Command. A change is sent once: a repeat after another change could undo that.
func (*ChangeAccess) Traits() Traits { return Traits{Lane: LaneDefault, Weight: 1} }

// Needs implements Guarded. A principal may add and revoke tokens of its own; the node checks that it gives away no
// more than it has.
func (c *ChangeAccess) Needs() (access.Right, []string) {
	own := c.Change.Kind == access.AddToken || c.Change.Kind == access.DeleteToken
	if own && c.Caller.Principal != "" && c.Change.Token.Principal == c.Caller.Principal {
		return access.Any, nil
	}
	return access.Admin, nil
}

// Validate names every field out of bounds.
func (c *ChangeAccess) Validate() error {
	var v validation
	c.Change.Invalid(func(field, reason string) { v.addf(field, "%s", reason) })
	return v.err()
}

func (c *ChangeAccess) encode(e *encoder) {
	e.requires(3, true)
	e.change(&c.Change)
}

func (c *ChangeAccess) decode(d *decoder) { d.change(&c.Change) }

func (c *ChangeAccess) apply(m *Machine) Result {
	if o := m.access.Permits(c.Change, c.Caller); o != access.Done {
		return Result{Code: CodeAccessRefused, Outcome: o}
	}
	outcome, changed := m.access.Apply(c.Change, m.revision+1, m.wall)
	switch {
	case changed:
		m.revision++
		m.applied.Access = true
		setQuotas(m)
	case outcome != access.Done:
		return Result{Code: CodeAccessRefused, Outcome: outcome}
	}
	return Result{Code: CodeOK}
}

// setQuotas counts what the leases and the documents of each quota take.
func setQuotas(m *Machine) {
	m.leases.SetQuotas(m.access.Quotas())
	if len(m.access.Quotas()) == 0 {
		return
	}
	m.documents.Scan(func(d *document.Document) bool {
		m.leases.CountBytes(d.Subject, d.Size())
		return true
	})
}

// Access returns who may do what. It changes with the machine: its owner reads it under the machine's lock.
func (m *Machine) Access() *access.Table { return m.access }

// QuotaUsage is what the leases of a quota take.
type QuotaUsage = lease.Usage

// QuotaUsages returns what the leases of each quota take, in the order of Table.Quotas.
func QuotaUsages(m *Machine) []QuotaUsage { return m.leases.Used() }
