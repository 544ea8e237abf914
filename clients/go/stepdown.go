package lockd

import (
	"context"
	"net/http"
	"time"
)

// StepDown is an operator's wish that a holder hands over: transfer the lease, or
// release it, when that is safe. Nothing is taken by it.
type StepDown struct {
	To     string  `json:"to,omitempty"`        // the label that should get it; "": the holder chooses
	Within *Millis `json:"within_ms,omitempty"` // what was left of the time for it when this was told; nil: no time was given
}

// StepDownOptions name somebody's hold and say how it should be handed over.
type StepDownOptions struct {
	Token  uint64        // of the hold: a repeat never reaches a successor
	To     string        // the label that should get it; "": the holder chooses
	Within time.Duration // how soon, up to 24 h; 0: no time is given
}

// AskedToStepDown is the answer to a step-down: the holder will learn of it.
type AskedToStepDown struct {
	Name     string   `json:"name"`
	Holder   string   `json:"holder"`
	Token    uint64   `json:"token"`
	StepDown StepDown `json:"step_down"`
	Revision uint64   `json:"revision"`
}

type stepDownBody struct {
	Token  uint64 `json:"token"`
	To     string `json:"to,omitempty"`
	Within Millis `json:"within_ms,omitempty"`
}

// AskToStepDown asks a holder to hand over. It learns of that when it renews.
func (c *Client) AskToStepDown(ctx context.Context, name string, opts StepDownOptions) (*AskedToStepDown, error) {
	a := new(AskedToStepDown)
	_, err := c.do(ctx, call{
		method:     http.MethodPost,
		path:       leasePath(name, "step-down"),
		body:       stepDownBody{Token: opts.Token, To: opts.To, Within: millis(opts.Within)},
		out:        a,
		timeout:    c.attemptTimeout(0),
		repeatable: true,
	})
	return orNil(a, err)
}

// Asked returns a channel that is closed when an operator asked for the lease to
// be handed over, as a renewal told; Grant().StepDown says to whom.
func (l *Lease) Asked() <-chan struct{} { return l.asked }

// heed closes Asked at the first wish; l.mu is held.
func (l *Lease) heed(wish *StepDown) {
	if wish != nil && !l.wasAsked {
		l.wasAsked = true
		close(l.asked)
	}
}
