package api

import (
	"net/http"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
)

// stepDownBody answers a step-down: the holder receives the request with its next renewal.
type stepDownBody struct {
	Name     string         `json:"name"`
	Holder   string         `json:"holder"`
	Token    uint64         `json:"token"`
	StepDown *view.StepDown `json:"step_down"`
	Revision uint64         `json:"revision"`
}

func stepDown(c *call) {
	cmd := &fsm.StepDown{Name: c.param("name"), By: operator(c)}
	if !c.decode(form.Members{Required: []string{"token"}, Optional: []string{"to", "within_ms"}}, func(d *form.Decoder, field string) bool {
		switch field {
		case "token":
			cmd.Token = d.Token(field)
		case "to":
			if cmd.To = d.Text(field); cmd.To == "" {
				d.Wrong(field, "must not be empty; omit it to let the holder choose")
			}
		case "within_ms":
			cmd.Within = d.Millis(field, 1, fsm.MaxWithin)
		default:
			return false
		}
		return true
	}) {
		return
	}
	c.caller.leaseToken = cmd.Token
	r, ok := c.do(cmd)
	c.record("a step-down is requested by an operator", ok, "lease", cmd.Name, "token", cmd.Token, "to", cmd.To)
	if ok {
		c.json(http.StatusAccepted, r.Revision, stepDownBody{
			Name: cmd.Name, Holder: r.Hold.Holder, Token: cmd.Token, StepDown: view.NewStepDown(r.Hold.StepDown, r.Now), Revision: r.Revision,
		})
	}
}
