package api

import (
	"net/http"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/accesslog"
	"github.com/lockd/lockd/internal/api/listing"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/audit"
)

// Audit is the audit log.
type Audit interface {
	Write(r audit.Record) error
	// Durable reports whether records are written, and not in memory only.
	Durable() bool
	// Before returns the newest records in memory that have a lower number and match, at most limit.
	Before(seq uint64, match func(*audit.Record) bool, limit int) audit.Page
}

// begin writes that a call of an operator or an administrator begins. If the line cannot be written, it refuses the
// call: what such a caller does is never missing from the log.
func begin(c *call) bool {
	a := &c.caller
	if !administrative(a.demand) || reads(c.r) {
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
	if a.demand.action == "" {
		return
	}
	denied := a.refusal != ""
	quiet := reads(c.r) || a.demand.right == access.None || a.demand.right == access.Metrics
	if quiet && !denied && !c.s.cfg.AuditReads {
		return
	}
	if denied && a.Principal == "" && !c.s.limits.Rates.Refuse() {
		if c.s.cfg.Audit.Durable() {
			c.s.metrics.AuditDropped.Inc() // strangers must not fill the disk of the log
		}
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
		Class: audit.Class{Administrative: administrative(a.demand), Renews: accesslog.Renews(a.demand.action)},
	}
}

// administrative reports whether a route is one of operators and administrators.
func administrative(d demand) bool {
	return d.right == access.Operate || d.right == access.Admin || d.always
}

// listAudit answers with the newest records that this node has written to its audit log.
func listAudit(c *call) {
	match := listing.Audit(&c.query)
	before, limit := listing.Before(&c.query, DefaultListed)
	if !c.misread() {
		c.json(http.StatusOK, 0, c.s.cfg.Audit.Before(before, match, limit))
	}
}

// lost counts a line that could not be written.
func (s *Server) lost(err error) {
	s.metrics.AuditDropped.Inc()
	s.cfg.Logger.Error("a line of the audit log was not written", "err", err)
}
