package view

import (
	"encoding/json"

	"github.com/lockd/lockd/internal/fsm"
)

// Hold answers an acquire or a renew: the caller holds the lease.
type Hold struct {
	Name      string          `json:"name"`
	Holder    string          `json:"holder"`
	Session   string          `json:"session"`
	Token     uint64          `json:"token"`
	Slot      int             `json:"slot"`
	TTL       fsm.Millis      `json:"ttl_ms"`
	ExpiresIn fsm.Millis      `json:"expires_in_ms"`
	RenewIn   fsm.Millis      `json:"renew_in_ms"`
	Waited    fsm.Millis      `json:"waited_ms"`
	Meta      json.RawMessage `json:"meta,omitempty"`
	StepDown  *StepDown       `json:"step_down,omitempty"`
	Revision  uint64          `json:"revision"`
	Previous  *Previous       `json:"previous,omitempty"`
}

// Previous is the hold of a lease that ended last.
type Previous struct {
	Holder string `json:"holder"`
	Token  uint64 `json:"token"`
	End    string `json:"end"`
}

// NewHold returns the body for the caller's own hold.
func NewHold(name string, r *fsm.Reply, session string) *Hold {
	h := r.Hold
	return &Hold{
		Name: name, Holder: h.Holder, Session: session, Token: h.Token, Slot: h.Slot, TTL: h.TTL,
		ExpiresIn: r.ExpiresIn, RenewIn: RenewIn(h.TTL), Waited: r.Waited, Meta: json.RawMessage(h.Meta),
		StepDown: NewStepDown(h.StepDown, r.Now), Revision: r.Revision, Previous: NewPrevious(r.Previous),
	}
}

// RenewIn returns the time until the next renewal. Two renewals can fail before the deadline.
func RenewIn(ttl fsm.Millis) fsm.Millis { return ttl / 3 }

// NewPrevious returns the body for the hold that ended last, or nil if there is none.
func NewPrevious(p fsm.Previous) *Previous {
	if p.Token == 0 {
		return nil
	}
	return &Previous{Holder: p.Holder, Token: p.Token, End: p.End.String()}
}
