package explanation

import (
	"fmt"

	"github.com/lockd/lockd/internal/fsm"
)

// maxSteps bounds the holds for which steps are listed.
const maxSteps = 4

// steps returns what would free a lease sooner.
func steps(v *fsm.View) []Step {
	all := []Step{}
	l := v.Lease
	if len(l.Holds)+len(l.Cooldowns) == 0 {
		if v.Fresh && v.AvailableIn > 0 {
			all = append(all, Step{Action: Wait, Detail: "Nothing shortens the quarantine of a recovered cluster."})
		}
		return all
	}
	for _, h := range l.Holds[:min(len(l.Holds), maxSteps)] {
		all = append(all, stepsOf(l, h)...)
	}
	if len(l.Cooldowns) > 0 && len(l.Holds) < l.Limit {
		all = append(all, Step{Action: Wait, Detail: "Nothing shortens a delay. A client sets it with delay_ms when it acquires."})
	}
	return all
}

func stepsOf(l *fsm.Lease, h *fsm.Hold) []Step {
	end := func(grace string) string {
		return fmt.Sprintf("lockd break %s --token %d%s --reason '...'", l.Name, h.Token, grace)
	}
	if h.Break != nil {
		return []Step{{Action: Break, Token: h.Token, Command: end(" --grace 0s"), Detail: "The hold is broken already. " +
			"Without the rest of the grace period it ends at once, and the old holder may still be working."}}
	}
	all := []Step{{Action: Release, Token: h.Token, Detail: h.Holder + " releases it."}}
	if h.StepDown == nil {
		all = append(all, Step{Action: StepDown, Token: h.Token,
			Command: fmt.Sprintf("lockd step-down %s --token %d", l.Name, h.Token),
			Detail:  "Ask " + h.Holder + " to hand over. It receives the request with its next renewal, and the hold does not end before."})
	}
	detail := "End the hold of " + h.Holder + ". Its renewals are refused at once, and the lease is free when its last promise ends."
	if h.TTL == 0 {
		detail = "End the hold of " + h.Holder + " at once: it was promised no end."
	}
	return append(all, Step{Action: Break, Token: h.Token, Command: end(""), Detail: detail})
}
