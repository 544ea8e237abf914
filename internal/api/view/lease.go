package view

import (
	"encoding/json"

	"github.com/lockd/lockd/internal/fsm"
)

// Lease is a lease without its sessions.
type Lease struct {
	Name        string      `json:"name"`
	State       string      `json:"state"`
	Revision    uint64      `json:"revision"`
	Limit       int         `json:"limit"`
	Holder      string      `json:"holder,omitempty"` // the holder of the first hold
	Token       uint64      `json:"token,omitempty"`
	Holders     []Holder    `json:"holders"`
	HolderCount int         `json:"holder_count"`
	Queue       []Waiter    `json:"queue"`
	QueueLength int         `json:"queue_length"`
	AvailableIn *fsm.Millis `json:"available_in_ms,omitempty"`
	Transitions uint64      `json:"transitions"`
	Since       string      `json:"since,omitempty"`
}

// Holder is one hold of a lease.
type Holder struct {
	Holder     string          `json:"holder"`
	Principal  string          `json:"principal,omitempty"`
	Token      uint64          `json:"token"`
	Slot       int             `json:"slot"`
	TTL        fsm.Millis      `json:"ttl_ms"`
	Held       fsm.Millis      `json:"held_ms"`
	RenewedAgo *fsm.Millis     `json:"renewed_ms_ago,omitempty"`
	FreeIn     *fsm.Millis     `json:"free_in_ms,omitempty"`
	Breaking   bool            `json:"breaking,omitempty"`
	StepDown   *StepDown       `json:"step_down,omitempty"`
	Meta       json.RawMessage `json:"meta,omitempty"`
}

// Waiter is one ticket in the queue of a lease.
type Waiter struct {
	Holder   string     `json:"holder"`
	Priority int        `json:"priority"`
	Waiting  fsm.Millis `json:"waiting_ms"`
}

// StepDown is an operator's request that a holder steps down: the holder name that should get the lease and the
// remaining time, if the operator gave them.
type StepDown struct {
	To     string      `json:"to,omitempty"`
	Within *fsm.Millis `json:"within_ms,omitempty"`
}

// NewStepDown returns the body for a step-down request, or nil if there is none.
func NewStepDown(a *fsm.StepDownRequest, now fsm.Millis) *StepDown {
	if a == nil {
		return nil
	}
	b := &StepDown{To: a.To}
	if a.Within > 0 {
		left := a.Remaining(now)
		b.Within = &left
	}
	return b
}

// NewLease returns the body for a lease, with at most this number of holders and of waiters.
func NewLease(v *fsm.View, most int) *Lease {
	l := v.Lease
	b := &Lease{
		Name: l.Name, State: l.State().String(), Revision: v.Revision, Limit: l.Limit,
		Holders: []Holder{}, HolderCount: v.Holders, Queue: []Waiter{}, QueueLength: v.Waiters,
	}
	if l.History != nil {
		b.Transitions, b.Since = l.History.Transitions, Time(l.History.Wall)
	}
	for i, h := range l.Holds[:min(most, len(l.Holds))] {
		b.Holders = append(b.Holders, newHolder(v, i, h))
	}
	if len(l.Holds) > 0 {
		b.Holder, b.Token = l.Holds[0].Holder, l.Holds[0].Token
	}
	for _, t := range l.Queue[:min(most, len(l.Queue))] {
		b.Queue = append(b.Queue, Waiter{Holder: t.Holder, Priority: t.Priority, Waiting: max(v.Now-t.Queued, 0)})
	}
	switch s := l.State(); {
	case !v.Fresh:
	case s == fsm.StateDelayed || s == fsm.StateBreaking:
		b.AvailableIn = &v.AvailableIn
	case s == fsm.StateFree && v.AvailableIn > 0: // the quarantine of a recovered cluster
		b.State, b.AvailableIn = fsm.StateDelayed.String(), &v.AvailableIn
	}
	return b
}

func newHolder(v *fsm.View, i int, h *fsm.Hold) Holder {
	b := Holder{
		Holder: h.Holder, Principal: h.Principal, Token: h.Token, Slot: h.Slot, TTL: h.TTL, Held: max(v.Now-h.Granted, 0),
		Breaking: h.Break != nil, StepDown: NewStepDown(h.StepDown, v.Now), Meta: json.RawMessage(h.Meta),
	}
	if v.Fresh && i < len(v.Clocks) && (h.TTL > 0 || h.Break != nil) { // else it has no deadline
		b.FreeIn = &v.Clocks[i].FreeIn
		if v.Clocks[i].RenewedAgo >= 0 {
			b.RenewedAgo = &v.Clocks[i].RenewedAgo
		}
	}
	return b
}
