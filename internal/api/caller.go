package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/accesslog"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/auth"
	"github.com/lockd/lockd/internal/fsm"
)

// Access is the interface of the node for principals and tokens.
type Access interface {
	auth.Directory
	// Mode returns whether requests need credentials.
	Mode() access.Mode
	// Changed returns a channel that is closed when anything of it changes.
	Changed() <-chan struct{}
	// Table returns a copy of all principals and tokens.
	Table() *access.Table
	// Quotas returns the quotas, and what the leases of each take.
	Quotas() ([]access.Quota, []fsm.QuotaUsage)
}

// demand is what a route needs of its caller.
type demand struct {
	right  access.Right
	action string // its name in the audit log
	// always is set for the routes of principals and tokens: they need a credential, or the admin socket of a node, also
	// while other routes need none. Otherwise any stranger could become an administrator.
	always bool
}

// caller is who sends a request, and what the request needs.
type caller struct {
	auth.Identity
	demand demand
	mode   access.Mode
	open   bool // everything is allowed: no credential is needed, or the request came by the admin socket

	names      []string // the leases that the request names
	target     string   // what a call of an administrator changes
	leaseToken uint64
	refusal    string // why the request was refused
	begun      bool   // the audit log has a line of the begin
}

// sees reports whether the caller has a right on a lease.
func (a *caller) sees(right access.Right, name string) bool {
	return a.open || a.Rules.Allow(right, name)
}

// administers reports whether the caller has the right admin.
func (a *caller) administers() bool { return a.open || a.Rules.Allow(access.Admin, "") }

// mode returns whether requests need credentials.
func (s *Server) mode() access.Mode { return s.cfg.Access.Mode() }

// noAccess is the Access of a server without one: there are no principals, and no request needs a credential.
type noAccess struct{}

func (noAccess) Mode() access.Mode                           { return access.Off }
func (noAccess) Changed() <-chan struct{}                    { return nil }
func (noAccess) Quotas() ([]access.Quota, []fsm.QuotaUsage)  { return nil, nil }
func (noAccess) Table() *access.Table                        { return access.NewTable() }
func (noAccess) Token(string) (*access.Record, access.Rules) { return nil, nil }
func (noAccess) Rules(string) access.Rules                   { return nil }
func (noAccess) CatchUp(context.Context) error               { return nil }

// admit authenticates the sender of a request and checks that it has the route's right on some lease. If not, it sends
// the answer and returns false.
func admit(c *call, d demand) bool {
	a := &c.caller
	a.demand, a.mode, a.By = d, c.s.mode(), auth.ByNothing
	c.trace()
	if d.always {
		a.mode = access.On
	}
	switch {
	case c.r.Context().Value(socketKey{}) != nil:
		a.By, a.open, a.Local = auth.BySocket, true, true
		return begin(c)
	case a.mode == access.Off, d.right == access.None:
		a.open = true
		return begin(c)
	}
	id, err := c.s.auth.Authenticate(c.r, host(c.r.RemoteAddr))
	switch {
	case errors.Is(err, auth.ErrLocked):
		return deny(c, problems.RateLimited, err.Error())
	case err != nil:
		return deny(c, problems.Unauthenticated, err.Error())
	}
	a.Identity = id
	if !id.Rules.AllowSome(d.right) {
		return deny(c, problems.NotAllowed, "no rule with the right "+d.right.String())
	}
	return begin(c)
}

// allow checks that the caller has a right on leases. If not, it sends the answer and returns false. The answer is the
// same whether the lease exists or not.
func allow(c *call, right access.Right, names ...string) bool {
	c.caller.names = names
	for _, name := range names {
		if !c.caller.sees(right, name) {
			return deny(c, problems.NotAllowed, "no rule with the right "+right.String()+" for a lease of the request")
		}
	}
	return true
}

// trace starts the span of the request. A watch has none, and a renewal only in a trace of its caller: a cluster may
// serve tens of thousands a second.
func (c *call) trace() {
	d := &c.caller.demand
	if c.s.cfg.Tracer == nil || d.right == access.None || d.right == access.Metrics || d.action == "lease.watch" {
		return
	}
	if ctx := c.traced.Start(c.r.Context(), c.s.cfg.Tracer, accesslog.Renews(d.action)); ctx != c.r.Context() {
		c.r = c.r.WithContext(ctx)
	}
}

// deny refuses a request. While the mode is permissive, the request is counted and served instead.
func deny(c *call, k problems.Kind, reason string) bool {
	if tolerates(c, k, reason) {
		return true
	}
	refuseAccess(c, k)
	return false
}

// tolerates reports whether a request that should be refused is served instead, because the mode is permissive. If not,
// the caller answers.
func tolerates(c *call, k problems.Kind, reason string) bool {
	if c.caller.mode == access.Permissive {
		c.s.metrics.WouldDeny.WithLabelValues(string(k)).Inc()
		c.s.cfg.Logger.Info("this request would be refused with authentication enabled", "problem", string(k), "reason", reason,
			"principal", c.caller.Principal, "from", host(c.r.RemoteAddr), "request_id", c.id)
		c.caller.open = true
		return true
	}
	c.caller.refusal = reason
	return false
}

func refuseAccess(c *call, k problems.Kind) {
	if k == problems.Unauthenticated {
		c.Header()["Www-Authenticate"] = []string{"Bearer"}
	}
	c.fail(k)
}

// authorize checks a command and states its caller in it. Every command of a client passes it on its way to the node.
func authorize(c *call, cmd fsm.Command) bool {
	g, ok := cmd.(fsm.Guarded)
	if !ok {
		return true
	}
	switch cmd := cmd.(type) {
	case *fsm.Acquire:
		c.holder = cmd.Holder
	case *fsm.AcquireAll:
		c.holder = cmd.Holder
	}
	right, names := g.Needs()
	if !allow(c, right, names...) {
		return false
	}
	if traits := cmd.Traits(); traits.Lane == fsm.LaneAcquire && !c.s.limits.Rates.Acquire(c.caller.Principal) {
		return deny(c, problems.RateLimited, "too many acquires of the principal")
	}
	if c.caller.mode != access.Off {
		*g.From() = c.caller.Caller
	}
	return true
}

// kindOfOutcome returns the kind of problem for a refusal by the table of principals and tokens.
func kindOfOutcome(o access.Outcome) problems.Kind {
	switch o {
	case access.Unauthenticated:
		return problems.Unauthenticated
	case access.NotAllowed, access.TooManyRights, access.TooLong, access.OnlySocket:
		return problems.NotAllowed
	}
	return problems.Refused
}

// refusedByTable answers a refusal by the table of principals and tokens.
func refusedByTable(c *call, o access.Outcome) {
	c.caller.refusal = o.String()
	k := kindOfOutcome(o)
	if k != problems.Refused {
		refuseAccess(c, k)
		return
	}
	c.failed(&fsm.Refused{Reason: o.String()}, problems.Of)
}

// Socket returns the handler of a node's admin socket: every caller there is an administrator.
func (s *Server) Socket() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handler.ServeHTTP(w, r.WithContext(withSocket(r.Context())))
	})
}
