package api

import (
	"context"
	"net/http"

	"github.com/lockd/lockd/internal/fsm"
)

// sessionBytes makes a session of 32 hexadecimal digits.
const sessionBytes = 16

func acquire(c *call) {
	cmd := &fsm.Acquire{Name: c.param("name"), TTL: fsm.DefaultTTL, Limit: 1}
	if !c.decode(func(d *decoder, field string) bool { return acquireMember(cmd, d, field) }) {
		return
	}
	made := ""
	if cmd.Session == "" {
		made = randomHex(sessionBytes)
		cmd.Session, cmd.Anonymous = made, true
	}
	if wrong := cmd.Validate(); c.unless(wrong, kindOf) {
		return
	}
	ctx, cancel := c.deadline(duration(cmd.Wait))
	defer cancel()
	if cmd.Wait > 0 {
		defer context.AfterFunc(c.s.closing, cancel)()
	}
	r, err := c.s.cfg.Leases.Do(ctx, cmd)
	switch {
	case c.gone() && !c.closing():
		c.silent = true
		c.abandon(cmd, &r, err)
	case err != nil:
		c.interrupted(cmd, err, made)
	case r.Code.OK():
		c.grant(cmd, &r)
	default:
		c.lose(&r, made)
	}
}

func acquireMember(cmd *fsm.Acquire, d *decoder, field string) bool {
	switch field {
	case "holder":
		cmd.Holder = d.text(field)
	case "session":
		if cmd.Session = d.text(field); cmd.Session == "" {
			d.complain(field, "must not be empty; leave it out to be given one")
		}
	case "ttl_ms":
		cmd.TTL = d.millis(field, fsm.MinTTL, fsm.MaxTTL)
	case "wait_ms":
		cmd.Wait = d.millis(field, 0, fsm.MaxWait)
	case "delay_ms":
		cmd.Delay = d.millis(field, 0, fsm.MaxDelay)
	case "limit":
		cmd.Limit = int(d.integer(field, 1, fsm.MaxLimit))
	case "meta":
		cmd.Meta = d.raw(field)
	default:
		return false
	}
	return true
}

// grant tells the caller that it holds the lease. A new hold that cannot be
// told is given back; one that the session had before is not, since the session
// works on with it.
func (c *call) grant(cmd *fsm.Acquire, r *fsm.Reply) {
	status := http.StatusOK
	if r.Code == fsm.CodeGranted {
		status = http.StatusCreated
	}
	c.json(status, r.Revision, newHold(cmd.Name, r, cmd.Session))
	if !c.delivered() && !c.closing() {
		c.abandon(cmd, r, nil)
	}
}

// abandon cleans up after a client that will never hear its answer.
func (c *call) abandon(cmd *fsm.Acquire, r *fsm.Reply, err error) {
	if err == nil && r.Code == fsm.CodeOK {
		return
	}
	c.s.cfg.Leases.Abandon(cmd)
}

// interrupted answers an acquire that got no answer of the machine's. Where a
// session was made for the caller it learns it, to ask again with it.
func (c *call) interrupted(cmd *fsm.Acquire, err error, made string) {
	k := kindOf(err)
	stopped := cmd.Wait > 0 && c.closing() && k == kindOutcomeUnknown
	if stopped {
		k = kindNotReady
	}
	p := c.problem(k)
	p.Session = made
	// The wait may have been granted while the server stopped: the session finds out.
	p.Definitive = p.Definitive && !stopped
	c.refuse(p)
}
