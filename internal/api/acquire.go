package api

import (
	"context"
	"fmt"
	"time"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/api/limits"
	"github.com/lockd/lockd/internal/api/problems"
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
	if wrong := cmd.Validate(); c.failed(wrong, problems.Of) || !authorize(c, cmd) {
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
			p := c.problem(problems.RateLimited)
			p.Session = made
			p.Detail = fmt.Sprintf("Nothing was applied. %d acquires from your address wait at this node, which is the limit (--max-waits-per-ip). Try again later, or at another node.", c.s.cfg.MaxWaitsPerIP)
			c.refuse(p)
			return
		}
		defer context.AfterFunc(c.s.closing, cancel)()
	}
	r, err := c.s.cfg.Leases.Do(ctx, cmd)
	leave(kept(&r, err, c.gone()))
	a := acquisition{
		made: made, waits: cmd.Wait > 0,
		body:    func() any { return view.NewHold(cmd.Name, &r, cmd.Session) },
		cancels: cmd.Cancels(),
	}
	a.conclude(c, &r, err)
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
