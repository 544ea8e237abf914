package fsm

import (
	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/document"
)

// ChangeObject writes an object of the Kubernetes API. The holder of a Lease holds the lease of its name: a Lease that
// states another one than before acquires it, the same one renews it, and none releases it. It came with version 4.
type ChangeObject struct {
	Sender
	Write document.Write
}

func (*ChangeObject) kind() kind { return 19 }

// Traits implements Command.
func (c *ChangeObject) Traits() Traits {
	t := Traits{Lane: LaneDefault, Weight: 1, Idempotent: true}
	switch of := c.Write.Object.Kind; {
	case c.Write.Renewal:
		t.Lane = LaneRenewal
	case of == document.Lease && !c.Write.Delete && c.Write.Object.Lease.Holder != "": // a release is never limited
		t.Lane = LaneAcquire
	case of == document.Candidate:
		t.Weight = document.MaxCandidatesOf
	}
	return t
}

// Needs implements Guarded.
func (c *ChangeObject) Needs() (access.Right, []string) {
	if c.Write.Override {
		return access.Operate, []string{c.Write.Object.Subject}
	}
	return access.Acquire, []string{c.Write.Object.Subject}
}

// Validate names every field out of bounds.
func (c *ChangeObject) Validate() error {
	var v validation
	c.Write.Invalid(func(field, reason string) { v.addf(field, "%s", reason) })
	return v.err()
}

func (c *ChangeObject) encode(e *encoder) {
	e.requires(4, true)
	c.Write.Encode(&e.Encoder)
}

func (c *ChangeObject) decode(d *decoder) { c.Write.Decode(&d.Decoder) }

func (c *ChangeObject) apply(m *Machine) Result {
	o := &objectHost{Machine: m}
	d, outcome := m.documents.Apply(o, c.Write, c.Caller.Principal)
	switch {
	case outcome == document.Done:
		return Result{Code: CodeOK, Object: d}
	case outcome != document.HeldByOther:
		return Result{Code: CodeObjectRefused, Object: d, ObjectOutcome: outcome}
	case o.refused.Code == 0:
		o.refused = refuse(CodeHeld, m.Lease(c.Write.Object.Subject))
	}
	o.refused.Object = d
	return o.refused
}
