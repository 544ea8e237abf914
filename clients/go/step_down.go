package lockd

import (
	"context"
	"net/http"
	"time"
)

// StepDownOptions identify the hold of another session and how to hand it over.
type StepDownOptions struct {
	Token  uint64        // of the hold: a repeat never reaches a later hold
	To     string        // the label that should get the lease; "": the holder chooses
	Within time.Duration // the time limit, up to 24 h; 0: none
}

// AskedToStepDown is the response to a step-down request.
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

// AskToStepDown requests that a holder hands over the lease. The holder receives the request with
// its next renewal.
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
