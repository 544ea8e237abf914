package api

import (
	"net/http"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
)

// renewedBody answers a session's renewal with all renewed holds. The deadline of a lease is the moment the client sent
// the request + Waited + the lease's ExpiresIn.
type renewedBody struct {
	Leases   []renewedLease `json:"leases"`
	Waited   fsm.Millis     `json:"waited_ms"`
	Revision uint64         `json:"revision"`
}

type renewedLease struct {
	Name      string         `json:"name"`
	Token     uint64         `json:"token"`
	ExpiresIn fsm.Millis     `json:"expires_in_ms"`
	StepDown  *view.StepDown `json:"step_down,omitempty"`
}

func renewSession(c *call) {
	cmd := &fsm.RenewSession{}
	if !decodeSession(c, &cmd.Session, &cmd.Only) {
		return
	}
	r, ok := c.do(cmd)
	if !ok {
		return
	}
	b := renewedBody{Leases: []renewedLease{}, Waited: r.Waited, Revision: r.Revision}
	for i, h := range r.Holds {
		if !c.caller.sees(access.Acquire, h.Name) {
			continue
		}
		b.Leases = append(b.Leases, renewedLease{
			Name: h.Name, Token: h.Hold.Token, ExpiresIn: r.Expiries[i], StepDown: view.NewStepDown(h.Hold.StepDown, r.Now),
		})
	}
	c.json(http.StatusOK, r.Revision, b)
}

// releasedBody answers a session's release with the holds that ended and the queues that the session left.
type releasedBody struct {
	Released []releasedLease `json:"released"`
	Left     []string        `json:"left"`
	Revision uint64          `json:"revision"`
}

type releasedLease struct {
	Name  string `json:"name"`
	Token uint64 `json:"token"`
}

func releaseSession(c *call) {
	cmd := &fsm.ReleaseSession{}
	if !decodeSession(c, &cmd.Session, &cmd.Only) {
		return
	}
	r, ok := c.do(cmd)
	if !ok {
		return
	}
	b := releasedBody{Released: []releasedLease{}, Left: []string{}, Revision: r.Revision}
	for _, h := range r.Holds {
		if !c.caller.sees(access.Acquire, h.Name) {
			continue
		}
		b.Released = append(b.Released, releasedLease{Name: h.Name, Token: h.Hold.Token})
	}
	for _, name := range r.QueuesLeft {
		if c.caller.sees(access.Acquire, name) {
			b.Left = append(b.Left, name)
		}
	}
	c.json(http.StatusOK, r.Revision, b)
}

// decodeSession reads the body of a renewal or a release of a session. It refuses an empty list of leases, because for
// the state machine it means all leases.
func decodeSession(c *call, session *string, only *[]fsm.Ref) bool {
	return c.decode(form.Members{Required: []string{"session"}, Optional: []string{"leases"}}, func(d *form.Decoder, field string) bool {
		switch field {
		case "session":
			*session = d.Text(field)
		case "leases":
			d.List(field, 1, MaxRefs, func(element, prefix string) {
				var ref fsm.Ref
				d.Object(element, prefix, form.Members{Required: []string{"name", "token"}}, func(name string) bool {
					switch name {
					case "name":
						ref.Name = d.Text(prefix + name)
					case "token":
						ref.Token = d.Token(prefix + name)
					default:
						return false
					}
					return true
				})
				*only = append(*only, ref)
			})
		default:
			return false
		}
		return true
	})
}
