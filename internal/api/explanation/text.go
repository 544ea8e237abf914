package explanation

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// Text formats a duration for people: 850ms, 12.3s, 4m10s, 5m, 26h3m.
func Text(m fsm.Millis) string {
	d := time.Duration(m) * time.Millisecond
	switch {
	case d < time.Second:
	case d < time.Minute:
		d = d.Truncate(100 * time.Millisecond)
	case d < time.Hour:
		d = d.Truncate(time.Second)
	default:
		d = d.Truncate(time.Minute)
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}

// summary returns the explanation in two or three sentences.
func summary(v *fsm.View, b *Body) string {
	var text []string
	switch {
	case b.Available && v.Holders == 0:
		text = append(text, "It is free: the next acquire is granted.")
	case b.Available:
		text = append(text, fmt.Sprintf("%d of %d slots are held: the next acquire is granted.", v.Holders, v.Lease.Limit))
	case b.Blocks == 0:
		text = append(text, "A slot is free, and the first waiter is served next.")
	case b.Blocks == 1:
		text = append(text, b.Blocking[0].Detail)
	default:
		text = append(text, fmt.Sprintf("None of its %d slots is free.", v.Lease.Limit))
		if b.Within != nil {
			text = append(text, fmt.Sprintf("Without another renewal, the first is free in at most %s.", Text(*b.Within)))
		}
	}
	switch {
	case b.Session != nil && b.Session.State != none:
		text = append(text, b.Session.Detail)
	case b.Waiters == 1:
		text = append(text, "1 waiter is served before a new one.")
	case b.Waiters > 1:
		text = append(text, fmt.Sprintf("%d waiters are served before a new one.", b.Waiters))
	}
	if b.Session != nil && b.Session.State == none {
		text = append(text, b.Session.Detail)
	}
	return strings.Join(text, " ")
}
