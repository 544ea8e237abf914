package api

import (
	"net/http"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/audit"
)

// Audit is the audit log.
type Audit interface{ Write(audit.Record) error }

// begin writes that a call of an operator or an administrator begins. If the line cannot be written, it refuses the
// call: what such a caller does is never missing from the log.
func begin(c *call) bool {
	a := &c.caller
	if c.s.cfg.Audit == nil || a.demand.right != access.Operate && a.demand.right != access.Admin && !a.demand.always || reads(c.r) {
		return true
	}
	if err := c.s.cfg.Audit.Write(recordOf(c, audit.Allow)); err != nil {
		c.s.lost(err)
		p := c.problem(problems.NotReady)
		p.Detail = "Nothing changed. The audit log of this node cannot be written, so that it refuses the calls of operators and administrators."
		c.refuse(p)
		return false
	}
	a.begun = true
	return true
}

// audited writes the outcome of a call: every write, every refusal, and every call of an operator or an administrator.
func audited(c *call, status int) {
	a := &c.caller
	if c.s.cfg.Audit == nil || a.demand.action == "" {
		return
	}
	denied := a.refusal != ""
	quiet := reads(c.r) || a.demand.right == access.None || a.demand.right == access.Metrics
	if quiet && !denied && !c.s.cfg.AuditReads {
		return
	}
	if denied && a.Principal == "" && !c.s.limits.Rates.Refuse() {
		c.s.metrics.AuditDropped.Inc() // strangers must not fill the disk of the log
		return
	}
	decision := audit.Allow
	if denied {
		decision = audit.Deny
	}
	r := recordOf(c, decision)
	r.Status, r.Reason, r.Revision = status, a.refusal, c.revision
	if err := c.s.cfg.Audit.Write(r); err != nil {
		c.s.lost(err)
	}
}

func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

func recordOf(c *call, decision string) audit.Record {
	a := &c.caller
	return audit.Record{
		RequestID: c.id, Principal: a.Principal, TokenID: a.TokenID, Auth: a.By, Remote: remote(c.r), Action: a.demand.action,
		Subject: audit.Subject{Names: a.names, Target: a.target, LeaseToken: a.leaseToken}, Decision: decision,
	}
}

// lost counts a line that could not be written.
func (s *Server) lost(err error) {
	s.metrics.AuditDropped.Inc()
	s.cfg.Logger.Error("a line of the audit log was not written", "err", err)
}
