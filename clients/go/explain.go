package lockd

import (
	"context"
	"net/url"
)

// An Explanation states why a lease is not free. Summary and each Detail are sentences for people.
type Explanation struct {
	Name        string            `json:"name"`
	State       string            `json:"state"` // free, held, delayed or breaking
	Revision    uint64            `json:"revision"`
	Summary     string            `json:"summary"`
	Available   bool              `json:"available"`                 // an acquire by a new session would be granted now
	AvailableIn *Millis           `json:"available_in_ms,omitempty"` // until a slot is free at the latest, unless a hold is renewed
	Blocking    []Blocking        `json:"blocking"`                  // what keeps each slot from being free, the first 16 of them
	Blocks      int               `json:"blocking_count"`            // 0 if a slot is free
	Waiters     int               `json:"waiters"`
	Session     *ExplainedSession `json:"session,omitempty"`  // nil if ExplainOptions has none
	LastEnd     *HoldEnd          `json:"last_end,omitempty"` // of the last hold of the lease
	Sooner      []FreeingStep     `json:"sooner"`             // what would free the lease sooner
}

// Blocking is one reason why a slot of a lease is not free: a hold, a delay after one, or the quarantine of a recovered
// cluster. FreeIn is for information and is not a deadline.
type Blocking struct {
	Cause      string    `json:"cause"` // held, breaking, delayed or quarantined
	Holder     string    `json:"holder,omitempty"`
	Token      uint64    `json:"token,omitempty"`
	Slot       int       `json:"slot"`
	Since      Time      `json:"since,omitzero"`
	Held       *Millis   `json:"held_ms,omitempty"`
	RenewedAgo *Millis   `json:"renewed_ms_ago,omitempty"`
	FreeIn     *Millis   `json:"free_in_ms,omitempty"` // nil: without a limit
	By         string    `json:"by,omitempty"`         // who broke the hold
	Reason     string    `json:"reason,omitempty"`
	StepDown   *StepDown `json:"step_down,omitempty"`
	Detail     string    `json:"detail"`
}

// ExplainedSession is what a session has of a lease.
type ExplainedSession struct {
	State    string   `json:"state"`              // holds, waits or none
	Token    uint64   `json:"token,omitempty"`    // of its hold
	Position int      `json:"position,omitempty"` // in the queue, from 1
	Before   []Waiter `json:"before,omitempty"`   // the first waiters before it
	LastEnd  *HoldEnd `json:"last_end,omitempty"` // of its last hold, if that is still known
	Detail   string   `json:"detail"`
}

// HoldEnd is how a hold ended.
type HoldEnd struct {
	Holder   string  `json:"holder"`
	Token    uint64  `json:"token"`
	How      string  `json:"how"` // released, expired, broken, transferred or reclaimed
	At       Time    `json:"at,omitzero"`
	Held     *Millis `json:"held_ms,omitempty"`
	By       string  `json:"by,omitempty"` // who broke the hold or asked the holder to step down
	Reason   string  `json:"reason,omitempty"`
	To       string  `json:"to,omitempty"`
	Revision uint64  `json:"revision"`
	Detail   string  `json:"detail"`
}

// FreeingStep is something that would free a lease sooner. With the action wait, nothing would.
type FreeingStep struct {
	Action  string `json:"action"` // release, step-down, break or wait
	Token   uint64 `json:"token,omitempty"`
	Command string `json:"command,omitempty"` // of lockd
	Detail  string `json:"detail"`
}

// ExplainOptions configure an Explanation.
type ExplainOptions struct {
	Session string // also explain what this session has of the lease
	Stale   bool   // see [Stale]
}

// Explain reads why a lease is not free.
func (c *Client) Explain(ctx context.Context, name string, opts ExplainOptions) (*Explanation, error) {
	e, query := new(Explanation), url.Values{}
	if opts.Stale {
		Stale()(query)
	}
	cl := readCall(c, leasePath(name, "explain"), query, e, nil)
	cl.session = opts.Session
	_, err := c.do(ctx, cl)
	return orNil(e, err)
}
