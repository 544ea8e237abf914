package api

import (
	"net/http"

	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/fsm"
)

// acquisition has the answer to an acquire, and the commands that undo the acquire if the client has disconnected.
type acquisition struct {
	made    string // the session that the server made for the caller, or ""
	waits   bool   // the acquire waits in the queue
	body    func() any
	cancels []*fsm.CancelAcquire
}

// conclude answers an acquire. If the answer cannot be delivered, a new hold is released. A hold that the session had
// before is kept, because the session continues to use it.
func (a *acquisition) conclude(c *call, r *fsm.Reply, err error) {
	switch {
	case c.revoked.Load() != nil:
		a.revoked(c, r, err)
	case c.gone() && !c.closing():
		c.silent = true
		// A client that sent its own session may repeat the acquire to keep its place in the queue.
		a.abandon(c, r, err, a.waits && a.made == "" && err != nil)
	case err != nil:
		a.interrupted(c, err)
	case r.Code.OK():
		status := http.StatusOK
		if r.Code == fsm.CodeGranted {
			status = http.StatusCreated
		}
		c.json(status, r.Revision, a.body())
		if !c.delivered() && !c.closing() {
			a.abandon(c, r, nil, false)
		}
	default:
		c.refused(r, a.made)
	}
}

// revoked answers an acquire whose caller has lost the right to the lease while it waited.
func (a *acquisition) revoked(c *call, r *fsm.Reply, err error) {
	a.abandon(c, r, err, false)
	p := c.problem(*c.revoked.Load())
	p.Definitive = false // the lease may have been granted meanwhile: it is released
	c.caller.refusal = "the caller has lost the right while it waited"
	c.refuse(p)
}

// abandon undoes an acquire whose client does not receive the answer. With keep, its place in the queue is kept for
// fsm.TicketGrace.
func (a *acquisition) abandon(c *call, r *fsm.Reply, err error, keep bool) {
	if err == nil && r.Code != fsm.CodeGranted && !r.Queued {
		return
	}
	if keep {
		c.s.cfg.Leases.AbandonLater(a.cancels...)
		return
	}
	c.s.cfg.Leases.Abandon(a.cancels...)
}

// interrupted answers an acquire that failed without a reply of the state machine. If the server made a session for the
// caller, the answer includes it, so that the caller can repeat the acquire with it.
func (a *acquisition) interrupted(c *call, err error) {
	k := problems.Of(err)
	stopped := a.waits && c.closing() && k == problems.OutcomeUnknown
	if stopped {
		k = problems.NotReady
	}
	p := c.problem(k)
	p.Session = a.made
	// The lease may have been granted while the server stopped. A repeat with the session finds out.
	p.Definitive = p.Definitive && !stopped
	c.refuse(p)
}
