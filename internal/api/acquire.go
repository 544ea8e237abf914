package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// sessionBytes makes a session of 32 hexadecimal digits.
const sessionBytes = 16

func acquire(c *call) {
	cmd := &fsm.Acquire{Name: c.param("name"), TTL: fsm.DefaultTTL, Limit: 1}
	reclaim := false
	if !c.decode(members{required: []string{"holder"}, optional: []string{"session", "ttl_ms", "wait_ms", "delay_ms", "limit", "priority", "reclaim", "meta", "attempt"}}, func(d *decoder, field string) bool {
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
	if wrong := cmd.Validate(); c.unless(wrong, kindOf) {
		return
	}
	ctx, cancel := c.deadline(duration(cmd.Wait))
	defer cancel()
	leave := func(time.Duration) {}
	if cmd.Wait > 0 {
		var ok bool
		if leave, ok = c.s.waits.enter(host(c.r.RemoteAddr), waitKey{cmd.Name, cmd.Session}); !ok {
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
		body:   func() any { return newHold(cmd.Name, &r, cmd.Session) },
		leaves: []*fsm.Leave{cmd.Leave()},
	})
}

// makeSession gives a caller that sent no session one of its own, and returns it;
// "" where there was one.
func makeSession(session *string) (made string) {
	if *session != "" {
		return ""
	}
	*session = randomHex(sessionBytes)
	return *session
}

// An acquisition is what an acquire tells its caller, and how it is taken back
// from one that has gone.
type acquisition struct {
	made   string // the session that was made for the caller, if any
	waits  bool
	body   func() any
	leaves []*fsm.Leave
}

// conclude answers an acquire. A new hold that cannot be told is given back; one
// that the session had before is not, since the session works on with it.
func (c *call) conclude(r *fsm.Reply, err error, a acquisition) {
	switch {
	case c.gone() && !c.closing():
		c.silent = true
		// A client with a session of its own may ask again for the place that it waits in.
		c.abandon(r, err, a.waits && a.made == "" && err != nil, a.leaves)
	case err != nil:
		c.interrupted(err, a.made, a.waits)
	case r.Code.OK():
		status := http.StatusOK
		if r.Code == fsm.CodeGranted {
			status = http.StatusCreated
		}
		c.json(status, r.Revision, a.body())
		if !c.delivered() && !c.closing() {
			c.abandon(r, nil, false, a.leaves)
		}
	default:
		c.lose(r, a.made)
	}
}

func acquireMember(cmd *fsm.Acquire, d *decoder, field string) bool {
	switch field {
	case "holder":
		cmd.Holder = d.text(field)
	case "session":
		cmd.Session = d.session(field)
	case "ttl_ms":
		cmd.TTL = d.millis(field, fsm.MinTTL, fsm.MaxTTL)
	case "wait_ms":
		cmd.Wait = d.millis(field, 0, fsm.MaxWait)
	case "delay_ms":
		cmd.Delay = d.millis(field, 0, fsm.MaxDelay)
	case "limit":
		cmd.Limit = int(d.integer(field, 1, fsm.MaxLimit))
	case "priority":
		cmd.Priority = int(d.integer(field, fsm.MinPriority, fsm.MaxPriority))
	case "reclaim":
		cmd.Reclaim = d.bool(field)
	case "meta":
		cmd.Meta = d.raw(field)
	case "attempt":
		cmd.Attempt = d.word(field, fsm.MaxAttemptBytes)
	default:
		return false
	}
	return true
}

// abandon cleans up after a client that will never hear its answer. Keep says that
// its place in the queue is kept for a while.
func (c *call) abandon(r *fsm.Reply, err error, keep bool, leaves []*fsm.Leave) {
	if err == nil && r.Code != fsm.CodeGranted && !r.Queued {
		return
	}
	if keep {
		c.s.cfg.Leases.AbandonLater(leaves...)
		return
	}
	c.s.cfg.Leases.Abandon(leaves...)
}

// interrupted answers an acquire that got no answer of the machine's. Where a
// session was made for the caller it learns it, to ask again with it.
func (c *call) interrupted(err error, made string, waits bool) {
	k := kindOf(err)
	stopped := waits && c.closing() && k == kindOutcomeUnknown
	if stopped {
		k = kindNotReady
	}
	p := c.problem(k)
	p.Session = made
	// The wait may have been granted while the server stopped: the session finds out.
	p.Definitive = p.Definitive && !stopped
	c.refuse(p)
}
