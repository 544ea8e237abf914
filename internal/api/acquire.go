package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/api/limits"
	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
)

// sessionBytes is the size of a session that the server makes: 32 hexadecimal digits.
const sessionBytes = 16

func acquire(c *call) {
	cmd := &fsm.Acquire{Name: c.param("name"), TTL: fsm.DefaultTTL, Limit: 1}
	reclaim := false
	if !c.decode(form.Members{Required: []string{"holder"}, Optional: []string{"session", "ttl_ms", "wait_ms", "delay_ms", "limit", "priority", "reclaim", "meta", "attempt"}}, func(d *form.Decoder, field string) bool {
		reclaim = reclaim || field == "reclaim"
		return acquireMember(cmd, d, field)
	}) {
		return
	}
	if cmd.Session == "" && reclaim {
		c.wrong("reclaim", "must come with the session that held the lease")
		return
	}
	made := makeSession(&cmd.Session)
	cmd.Anonymous = made != ""
	if wrong := cmd.Validate(); c.failed(wrong, kindOf) || !authorize(c, cmd) {
		return
	}
	ctx, cancel := c.deadline(duration(cmd.Wait))
	defer cancel()
	ctx, end := long(ctx, c, cmd.Name)
	defer end()
	leave := func(time.Duration) {}
	if cmd.Wait > 0 {
		var ok bool
		if leave, ok = c.s.limits.Waits.Enter(host(c.r.RemoteAddr), limits.Wait{Lease: cmd.Name, Session: cmd.Session}); !ok {
			p := c.problem(kindRateLimited)
			p.Session = made
			p.Detail = fmt.Sprintf("Nothing was applied. %d acquires from your address wait at this node, which is the limit (--max-waits-per-ip). Try again later, or at another node.", c.s.cfg.MaxWaitsPerIP)
			c.refuse(p)
			return
		}
		defer context.AfterFunc(c.s.closing, cancel)()
	}
	r, err := c.s.cfg.Leases.Do(ctx, cmd)
	leave(kept(&r, err, c.gone()))
	c.conclude(&r, err, acquisition{
		made: made, waits: cmd.Wait > 0,
		body:    func() any { return view.NewHold(cmd.Name, &r, cmd.Session) },
		cancels: cmd.Cancels(),
	})
}

// makeSession sets session to a new one if the caller sent none, and returns the new session. It returns "" if the
// caller sent one.
func makeSession(session *string) (made string) {
	if *session != "" {
		return ""
	}
	*session = randomHex(sessionBytes)
	return *session
}

// acquisition has the answer to an acquire, and the commands that undo the acquire if the client has disconnected.
type acquisition struct {
	made    string // the session that the server made for the caller, or ""
	waits   bool   // the acquire waits in the queue
	body    func() any
	cancels []*fsm.CancelAcquire
}

// conclude answers an acquire. If the answer cannot be delivered, a new hold is released. A hold that the session had
// before is kept, because the session continues to use it.
func (c *call) conclude(r *fsm.Reply, err error, a acquisition) {
	switch {
	case c.revoked.Load() != nil:
		revokedWhileWaiting(c, r, err, a)
	case c.gone() && !c.closing():
		c.silent = true
		// A client that sent its own session may repeat the acquire to keep its place in the queue.
		c.abandon(r, err, a.waits && a.made == "" && err != nil, a.cancels)
	case err != nil:
		c.interrupted(err, a.made, a.waits)
	case r.Code.OK():
		status := http.StatusOK
		if r.Code == fsm.CodeGranted {
			status = http.StatusCreated
		}
		c.json(status, r.Revision, a.body())
		if !c.delivered() && !c.closing() {
			c.abandon(r, nil, false, a.cancels)
		}
	default:
		c.refused(r, a.made)
	}
}

// revokedWhileWaiting answers an acquire whose caller has lost the right to the lease while it waited.
func revokedWhileWaiting(c *call, r *fsm.Reply, err error, a acquisition) {
	c.abandon(r, err, false, a.cancels)
	p := c.problem(*c.revoked.Load())
	p.Definitive = false // the lease may have been granted meanwhile: it is released
	c.caller.refusal = "the caller has lost the right while it waited"
	c.refuse(p)
}

func acquireMember(cmd *fsm.Acquire, d *form.Decoder, field string) bool {
	switch field {
	case "holder":
		cmd.Holder = d.Text(field)
	case "session":
		cmd.Session = d.Session(field)
	case "ttl_ms":
		cmd.TTL = d.Millis(field, fsm.MinTTL, fsm.MaxTTL)
	case "wait_ms":
		cmd.Wait = d.Millis(field, 0, fsm.MaxWait)
	case "delay_ms":
		cmd.Delay = d.Millis(field, 0, fsm.MaxDelay)
	case "limit":
		cmd.Limit = int(d.Integer(field, 1, fsm.MaxLimit))
	case "priority":
		cmd.Priority = int(d.Integer(field, fsm.MinPriority, fsm.MaxPriority))
	case "reclaim":
		cmd.Reclaim = d.Bool(field)
	case "meta":
		cmd.Meta = d.Raw(field)
	case "attempt":
		cmd.Attempt = d.Visible(field, fsm.MaxAttemptBytes)
	default:
		return false
	}
	return true
}

// abandon undoes an acquire whose client does not receive the answer. With keep, its place in the queue is kept for
// fsm.TicketGrace.
func (c *call) abandon(r *fsm.Reply, err error, keep bool, cancels []*fsm.CancelAcquire) {
	if err == nil && r.Code != fsm.CodeGranted && !r.Queued {
		return
	}
	if keep {
		c.s.cfg.Leases.AbandonLater(cancels...)
		return
	}
	c.s.cfg.Leases.Abandon(cancels...)
}

// interrupted answers an acquire that failed without a reply of the state machine. If the server made a session for the
// caller, the answer includes it, so that the caller can repeat the acquire with it.
func (c *call) interrupted(err error, made string, waits bool) {
	k := kindOf(err)
	stopped := waits && c.closing() && k == kindOutcomeUnknown
	if stopped {
		k = kindNotReady
	}
	p := c.problem(k)
	p.Session = made
	// The lease may have been granted while the server stopped. A repeat with the session finds out.
	p.Definitive = p.Definitive && !stopped
	c.refuse(p)
}

// kept returns the maximum time for which the queue keeps the place after a wait with this result.
func kept(r *fsm.Reply, err error, gone bool) time.Duration {
	switch {
	case err != nil || gone:
		return duration(fsm.TicketGrace)
	case r.Queued:
		return duration(r.TicketIn)
	}
	return 0
}
