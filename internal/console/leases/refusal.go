package leases

import (
	"fmt"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console/cells"
)

// Situation describes why a lease cannot be acquired now: `lease "report" is held by w1 (token 3), free in at most
// 12.3s unless renewed`. It returns "" if the state does not have the reason.
func Situation(s *lockd.State) string {
	text := fmt.Sprintf("lease %q", s.Name)
	switch {
	case s.Holder != "" || len(s.Holders) > 0:
		return text + " is held by " + Holders(s) + freeIn(s)
	case s.AvailableIn != nil:
		return text + " has no holder, and is available in " + cells.Duration(*s.AvailableIn)
	case s.QueueLength > 0:
		return text + " has waiters"
	}
	return ""
}

// FreeIn returns when the first of the holds ends unless it is renewed; nil: not known.
func FreeIn(s *lockd.State) *lockd.Millis {
	var first *lockd.Millis
	for _, h := range s.Holders {
		if h.FreeIn != nil && (first == nil || *h.FreeIn < *first) {
			first = h.FreeIn
		}
	}
	return first
}

func freeIn(s *lockd.State) string {
	first := FreeIn(s)
	if first == nil {
		return ""
	}
	return ", free in at most " + cells.Duration(*first) + " unless renewed"
}

// Before describes the queue for a session that does not wait in it: "; 2 waiters are before you".
func Before(s *lockd.State) string {
	switch s.QueueLength {
	case 0:
		return ""
	case 1:
		return "; 1 waiter is before you"
	}
	return "; " + waiters(s.QueueLength) + " are before you"
}
