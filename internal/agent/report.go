package agent

import (
	"context"
	"fmt"
)

// report tells each change, until ctx ends.
func (a *Agent) report(ctx context.Context) {
	var last string
	for {
		s, until, changed := a.next()
		a.mu.Lock()
		ill := a.ill
		a.mu.Unlock()
		if now := inWords(s, ill); now != last {
			last = now
			a.opts.Tell(now)
		}
		if !wait(ctx, changed, until) {
			return
		}
	}
}

func inWords(s Status, ill error) string {
	var said string
	switch {
	case s.Leading:
		said = fmt.Sprintf("leading, with token %d", s.Token)
	case s.Name != "":
		said = fmt.Sprintf("%s leads, with token %d", s.Name, s.Token)
	case s.ready:
		said = "nobody leads"
	default:
		said = "it is not known who leads"
	}
	if ill != nil {
		said += "; the service is not well: " + ill.Error()
	}
	return said
}
