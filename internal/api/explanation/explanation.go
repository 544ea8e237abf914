// Package explanation answers why a lease is not free: what blocks it, since when and until when at the latest, what a
// session has of it, how its last hold ended, and what would free it sooner. It is a pure function of what a read of the
// machine returns.
package explanation

import (
	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
)

// Body is the explanation of a lease.
type Body struct {
	Name      string      `json:"name"`
	State     string      `json:"state"`
	Revision  uint64      `json:"revision"`
	Summary   string      `json:"summary"`   // for people
	Available bool        `json:"available"` // an acquire by a new session would be granted
	Within    *fsm.Millis `json:"available_in_ms,omitempty"`
	Blocking  []Block     `json:"blocking"` // the first of them
	Blocks    int         `json:"blocking_count"`
	Waiters   int         `json:"waiters"`
	Session   *Session    `json:"session,omitempty"`
	LastEnd   *End        `json:"last_end,omitempty"`
	Sooner    []Step      `json:"sooner"`
}

// Causes of a Block.
const (
	Held        = "held"
	Breaking    = "breaking"
	Delayed     = "delayed"
	Quarantined = "quarantined"
)

// A Block is one reason why a slot of the lease is not free.
type Block struct {
	Cause      string         `json:"cause"`
	Holder     string         `json:"holder,omitempty"`
	Token      uint64         `json:"token,omitempty"`
	Slot       int            `json:"slot"`
	Since      string         `json:"since,omitempty"`
	Held       *fsm.Millis    `json:"held_ms,omitempty"`
	RenewedAgo *fsm.Millis    `json:"renewed_ms_ago,omitempty"`
	FreeIn     *fsm.Millis    `json:"free_in_ms,omitempty"` // at the latest, unless it is renewed
	By         string         `json:"by,omitempty"`         // who broke the hold
	Reason     string         `json:"reason,omitempty"`     // likewise
	StepDown   *view.StepDown `json:"step_down,omitempty"`
	Detail     string         `json:"detail"` // for people
}

// Session is what the session of the request has of the lease.
type Session struct {
	State    string        `json:"state"`              // holds, waits or none
	Token    uint64        `json:"token,omitempty"`    // holds
	Position int           `json:"position,omitempty"` // waits, from 1
	Before   []view.Waiter `json:"before,omitempty"`   // waits: the first waiters before it
	LastEnd  *End          `json:"last_end,omitempty"` // of its last hold, if the event is still known
	Detail   string        `json:"detail"`             // for people
}

// An End is how a hold ended.
type End struct {
	Holder   string      `json:"holder"`
	Token    uint64      `json:"token"`
	How      string      `json:"how"`
	At       string      `json:"at,omitempty"`
	Held     *fsm.Millis `json:"held_ms,omitempty"`
	By       string      `json:"by,omitempty"`
	Reason   string      `json:"reason,omitempty"`
	To       string      `json:"to,omitempty"`
	Revision uint64      `json:"revision"`
	Detail   string      `json:"detail"` // for people
}

// Actions of a Step.
const (
	Release  = "release"
	StepDown = "step-down"
	Break    = "break"
	Wait     = "wait"
)

// A Step is something that would free the lease sooner, or the reason why nothing can.
type Step struct {
	Action  string `json:"action"`
	Token   uint64 `json:"token,omitempty"` // of the hold
	Command string `json:"command,omitempty"`
	Detail  string `json:"detail"` // for people
}

// New explains a lease from the answer to a fsm.QueryExplain. session reports whether the query had one.
func New(a *fsm.Answer, session bool) *Body {
	v := a.Views[0]
	b := &Body{
		Name: v.Lease.Name, State: v.Lease.State().String(), Revision: a.Revision, Waiters: v.Waiters,
		Blocking: blocks(v, a.Events), Sooner: []Step{},
	}
	b.Available, b.Within = availability(v, b.Blocking)
	if b.Blocks = len(b.Blocking); b.Blocks > maxBlocks {
		b.Blocking = b.Blocking[:maxBlocks]
	}
	if b.Blocks > 0 && b.Blocking[0].Cause == Quarantined {
		b.State = fsm.StateDelayed.String() // as a read shows it
	}
	b.LastEnd = lastEnd(a.Events)
	if session {
		b.Session = sessionOf(v, a)
	}
	if b.Blocks > 0 {
		b.Sooner = steps(v)
	}
	b.Summary = summary(v, b)
	return b
}

// maxBlocks bounds the blocks that are listed.
const maxBlocks = 16

// availability returns whether an acquire would be granted now, and until when a slot is free at the latest, unless a
// hold is renewed; nil if there is no such limit, or if it is now.
func availability(v *fsm.View, blocking []Block) (bool, *fsm.Millis) {
	quarantined := len(blocking) > 0 && blocking[0].Cause == Quarantined
	if free := v.Lease.Limit - len(v.Lease.Holds) - len(v.Lease.Cooldowns); free > 0 && !quarantined {
		return v.Waiters == 0, nil
	}
	var soonest *fsm.Millis
	for _, b := range blocking {
		switch {
		case b.Cause == Quarantined:
			return false, b.FreeIn
		case b.FreeIn == nil:
		case soonest == nil || *b.FreeIn < *soonest:
			soonest = b.FreeIn
		}
	}
	return false, soonest
}
