package api

import (
	"encoding/json"
	"slices"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
)

// holdsBody answers an acquire of several names: the caller holds all of them.
type holdsBody struct {
	Holder    string          `json:"holder"`
	Session   string          `json:"session"`
	TTL       fsm.Millis      `json:"ttl_ms"`
	ExpiresIn fsm.Millis      `json:"expires_in_ms"`
	RenewIn   fsm.Millis      `json:"renew_in_ms"`
	Waited    fsm.Millis      `json:"waited_ms"`
	Meta      json.RawMessage `json:"meta,omitempty"`
	Leases    []heldLease     `json:"leases"` // in the order of the names in the request
	Revision  uint64          `json:"revision"`
}

type heldLease struct {
	Name     string         `json:"name"`
	Token    uint64         `json:"token"`
	Slot     int            `json:"slot"`
	StepDown *view.StepDown `json:"step_down,omitempty"`
	Previous *view.Previous `json:"previous,omitempty"`
}

func acquireAll(c *call) {
	cmd := &fsm.AcquireAll{TTL: fsm.DefaultTTL}
	if !c.decode(form.Members{Required: []string{"names", "holder"}, Optional: []string{"session", "ttl_ms", "meta", "attempt"}}, func(d *form.Decoder, field string) bool { return acquireAllMember(cmd, d, field) }) {
		return
	}
	made := makeSession(&cmd.Session)
	if wrong := cmd.Validate(); c.failed(wrong, problems.Of) || !authorize(c, cmd) {
		return
	}
	ctx, cancel := c.deadline(0)
	defer cancel()
	r, err := c.s.cfg.Leases.Do(ctx, cmd)
	a := acquisition{
		made:    made,
		body:    func() any { return newHolds(cmd, &r) },
		cancels: cmd.Cancels(),
	}
	a.conclude(c, &r, err)
}

func acquireAllMember(cmd *fsm.AcquireAll, d *form.Decoder, field string) bool {
	switch field {
	case "names":
		d.List(field, 1, fsm.MaxNames, func(name, _ string) { cmd.Names = append(cmd.Names, d.Text(name)) })
	case "holder":
		cmd.Holder = d.Text(field)
	case "session":
		cmd.Session = d.Session(field)
	case "ttl_ms":
		cmd.TTL = d.Millis(field, fsm.MinTTL, fsm.MaxTTL)
	case "meta":
		cmd.Meta = d.Raw(field)
	case "attempt":
		cmd.Attempt = d.Visible(field, fsm.MaxAttemptBytes)
	default:
		return false
	}
	return true
}

func newHolds(cmd *fsm.AcquireAll, r *fsm.Reply) *holdsBody {
	b := &holdsBody{
		Holder: cmd.Holder, Session: cmd.Session, TTL: cmd.TTL, ExpiresIn: slices.Min(r.Expiries), RenewIn: view.RenewIn(cmd.TTL),
		Waited: r.Waited, Meta: json.RawMessage(cmd.Meta), Revision: r.Revision,
	}
	for _, h := range r.Holds {
		b.Leases = append(b.Leases, heldLease{
			Name: h.Name, Token: h.Hold.Token, Slot: h.Hold.Slot, StepDown: view.NewStepDown(h.Hold.StepDown, r.Now),
			Previous: view.NewPrevious(h.Previous),
		})
	}
	return b
}
