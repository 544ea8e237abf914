package api

import (
	"net/http"
	"time"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
)

// do passes a command to the node. If that fails, it sends the answer and returns false.
func (c *call) do(cmd fsm.Command) (r fsm.Reply, ok bool) {
	if wrong := cmd.Validate(); c.failed(wrong, problems.Of) || !authorize(c, cmd) {
		return r, false
	}
	ctx, cancel := c.deadline(0)
	defer cancel()
	r, err := c.s.cfg.Leases.Do(ctx, cmd)
	if c.failed(err, problems.Of) {
		return r, false
	}
	if !r.Code.OK() {
		c.refused(&r, "")
		return r, false
	}
	return r, true
}

func renew(c *call) {
	cmd := &fsm.Renew{Name: c.param("name")}
	if !c.decode(form.Members{Required: []string{"session"}, Optional: []string{"token", "ttl_ms", "meta"}}, func(d *form.Decoder, field string) bool {
		switch field {
		case "session":
			cmd.Session = d.Text(field)
		case "token":
			cmd.Token = d.Token(field)
		case "ttl_ms":
			cmd.TTL = d.Millis(field, fsm.MinTTL, fsm.MaxTTL)
		case "meta":
			meta := d.Raw(field)
			cmd.Meta = &meta
		default:
			return false
		}
		return true
	}) {
		return
	}
	if r, ok := c.do(cmd); ok {
		c.json(http.StatusOK, r.Revision, view.NewHold(cmd.Name, &r, cmd.Session))
	}
}

// releaseBody answers a release: the caller does not hold the lease. Ended is how the hold with the given token had
// ended before, or "" if that is not known.
type releaseBody struct {
	Name     string     `json:"name"`
	WasHeld  bool       `json:"was_held"`
	Ended    string     `json:"ended,omitempty"`
	Held     fsm.Millis `json:"held_ms"`
	Revision uint64     `json:"revision"`
}

func release(c *call) {
	cmd := &fsm.Release{Name: c.param("name")}
	if !c.decode(form.Members{Required: []string{"session"}, Optional: []string{"token", "attempt", "delay_ms"}}, func(d *form.Decoder, field string) bool {
		switch field {
		case "session":
			cmd.Session = d.Text(field)
		case "token":
			cmd.Token = d.Token(field)
		case "attempt":
			cmd.Attempt = d.Visible(field, fsm.MaxAttemptBytes)
		case "delay_ms":
			cmd.Delay = d.Millis(field, 0, fsm.MaxDelay)
		default:
			return false
		}
		return true
	}) {
		return
	}
	if r, ok := c.do(cmd); ok {
		b := releaseBody{Name: cmd.Name, WasHeld: r.WasHeld, Held: r.Held, Revision: r.Revision}
		if r.Previous.Token != 0 {
			b.Ended = r.Previous.End.String()
		}
		c.json(http.StatusOK, r.Revision, b)
	}
}

// transferBody answers a transfer. Token is the new holder's token. It is absent if the new hold ended before a
// repeated transfer was answered.
type transferBody struct {
	Name     string     `json:"name"`
	To       string     `json:"to"`
	Token    uint64     `json:"token,omitempty"`
	Held     fsm.Millis `json:"held_ms"`
	Revision uint64     `json:"revision"`
}

func transfer(c *call) {
	cmd := &fsm.Transfer{Name: c.param("name")}
	if !c.decode(form.Members{Required: []string{"session", "to"}, Optional: []string{"token"}}, func(d *form.Decoder, field string) bool {
		switch field {
		case "session":
			cmd.Session = d.Text(field)
		case "token":
			cmd.Token = d.Token(field)
		case "to":
			cmd.To = d.Text(field)
		default:
			return false
		}
		return true
	}) {
		return
	}
	r, ok := c.do(cmd)
	if !ok {
		return
	}
	b := transferBody{Name: cmd.Name, To: cmd.To, Held: r.Held, Revision: r.Revision}
	if r.Hold != nil {
		b.Token = r.Hold.Token
	}
	c.json(http.StatusOK, r.Revision, b)
}

// breakBody answers a break: the lease is available after AvailableIn.
type breakBody struct {
	Name        string     `json:"name"`
	Token       uint64     `json:"token"`
	AvailableIn fsm.Millis `json:"available_in_ms"`
	Revision    uint64     `json:"revision"`
}

func breakHold(c *call) {
	cmd := &fsm.Break{Name: c.param("name"), Grace: fsm.InheritGrace, By: operator(c)}
	if !c.decode(form.Members{Required: []string{"token", "reason"}, Optional: []string{"grace_ms"}}, func(d *form.Decoder, field string) bool {
		switch field {
		case "token":
			cmd.Token = d.Token(field)
		case "reason":
			cmd.Reason = d.Text(field)
		case "grace_ms":
			cmd.Grace = d.Millis(field, 0, fsm.MaxGrace)
		default:
			return false
		}
		return true
	}) {
		return
	}
	c.caller.leaseToken = cmd.Token
	r, ok := c.do(cmd)
	c.record("a hold is broken by an operator", ok, "lease", cmd.Name, "token", cmd.Token, "reason", cmd.Reason)
	if ok {
		c.json(http.StatusAccepted, r.Revision, breakBody{
			Name: cmd.Name, Token: cmd.Token, AvailableIn: r.AvailableIn, Revision: r.Revision,
		})
	}
}

func duration(ms fsm.Millis) time.Duration { return time.Duration(ms) * time.Millisecond }
