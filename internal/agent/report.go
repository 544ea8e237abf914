package agent

import (
	"context"
	"fmt"
)

// report calls OnChange at each change, until ctx ends.
func (a *Agent) report(ctx context.Context) {
	var last string
	for {
		s, until, changed := a.next()
		a.mu.Lock()
		unhealthy := a.unhealthy
		a.mu.Unlock()
		if now := describe(s, unhealthy); now != last {
			last = now
			a.opts.OnChange(now)
		}
		if !wait(ctx, changed, until) {
			return
		}
	}
}

func describe(s Status, unhealthy error) string {
	var text string
	switch {
	case s.Leading:
		text = fmt.Sprintf("leading, with token %d", s.Token)
	case s.Name != "":
		text = fmt.Sprintf("%s leads, with token %d", s.Name, s.Token)
	case s.ready:
		text = "no leader"
	default:
		text = "the leader is not known"
	}
	if unhealthy != nil {
		text += "; the service is not healthy: " + unhealthy.Error()
	}
	return text
}
