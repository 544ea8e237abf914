package explanation

import (
	"fmt"

	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
)

// blocks returns what keeps slots of a lease from being free: nothing if one is.
func blocks(v *fsm.View, events []*fsm.Event) []Block {
	all := []Block{}
	l := v.Lease
	if len(l.Holds)+len(l.Cooldowns) > 0 && len(l.Holds)+len(l.Cooldowns) < l.Limit {
		return all
	}
	if len(l.Holds)+len(l.Cooldowns) == 0 && v.Fresh && v.AvailableIn > 0 {
		return append(all, quarantine(v.AvailableIn))
	}
	for i, h := range l.Holds {
		all = append(all, held(v, i, h, events))
	}
	for _, c := range l.Cooldowns {
		all = append(all, cooldown(v, c))
	}
	return all
}

// quarantine returns the block of a recovered cluster, which knows no holds of the one before.
func quarantine(left fsm.Millis) Block {
	return Block{Cause: Quarantined, FreeIn: &left, Detail: fmt.Sprintf(
		"This cluster was recovered. Nothing is granted for %s, until every hold that the cluster before may have granted has ended.", Text(left))}
}

func held(v *fsm.View, i int, h *fsm.Hold, events []*fsm.Event) Block {
	age := max(v.Now-h.Granted, 0)
	b := Block{Cause: Held, Holder: h.Holder, Token: h.Token, Slot: h.Slot, Held: &age, StepDown: view.NewStepDown(h.StepDown, v.Now)}
	for _, e := range events {
		if e.Type == fsm.EventAcquired && e.Token == h.Token {
			b.Since = view.Time(e.Wall)
		}
	}
	if v.Fresh && i < len(v.Clocks) && (h.TTL > 0 || h.Break != nil) {
		free := v.Clocks[i].FreeIn
		if h.Break == nil {
			free += h.Delay
		}
		b.FreeIn = &free
		if renewed := v.Clocks[i].RenewedAgo; renewed >= 0 {
			b.RenewedAgo = &renewed
		}
	}
	if h.Break != nil {
		b.Cause, b.By, b.Reason = Breaking, h.Break.By, h.Break.Reason
	}
	b.Detail = heldText(&b, h, age)
	if h.StepDown != nil {
		b.Detail += stepDownText(h.StepDown, v.Now)
	}
	return b
}

// heldText describes a hold.
func heldText(b *Block, h *fsm.Hold, age fsm.Millis) string {
	if h.Break != nil {
		return fmt.Sprintf("%s has been broken by %s (%s). The lease is free when its grace period ends%s.",
			h.Holder, h.Break.By, h.Break.Reason, in(b.FreeIn))
	}
	since := fmt.Sprintf("%s has held it for %s (token %d)", h.Holder, Text(age), h.Token)
	switch {
	case h.TTL == 0:
		return since + ". The hold has no TTL: it lasts until it is released or broken."
	case b.FreeIn == nil:
		return since + "."
	case b.RenewedAgo == nil:
		return fmt.Sprintf("%s and has not renewed it since the leader changed. Without a renewal it is free in at most %s.", since, Text(*b.FreeIn))
	}
	return fmt.Sprintf("%s and renewed it %s ago. Without another renewal it is free in at most %s.", since, Text(*b.RenewedAgo), Text(*b.FreeIn))
}

func stepDownText(a *fsm.StepDownRequest, now fsm.Millis) string {
	text := fmt.Sprintf(" %s asked it to step down", a.By)
	if a.To != "" {
		text += " in favor of " + a.To
	}
	switch left := a.Remaining(now); {
	case a.Within > 0 && left > 0:
		text += fmt.Sprintf("; %s are left", Text(left))
	case a.Within > 0:
		text += "; the time for it has passed"
	}
	return text + "."
}

func cooldown(v *fsm.View, c fsm.Cooldown) Block {
	left := max(c.From+c.For-v.Now, 0)
	if len(v.Lease.Cooldowns) == 1 && len(v.Lease.Holds) == 0 && v.Fresh {
		left = v.AvailableIn // by the leader's deadlines
	}
	return Block{Cause: Delayed, Holder: c.Holder, Token: c.Token, Slot: c.Slot, FreeIn: &left, Detail: fmt.Sprintf(
		"The hold of %s (token %d) was %s. Its delay keeps the lease from the next holder for another %s, so that its work can end.",
		c.Holder, c.Token, ended(c.Cause), Text(left))}
}

// ended returns how a hold ended, as a participle.
func ended(how fsm.EventType) string {
	if how == fsm.EventExpired {
		return "ended by its TTL"
	}
	return how.String()
}

func in(left *fsm.Millis) string {
	if left == nil {
		return ""
	}
	return ", in at most " + Text(*left)
}
