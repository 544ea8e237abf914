package reign

import (
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// Book is the deadlines of one term; expiry.Book satisfies it.
type Book interface {
	// Apply takes over what an entry changed and returns how late each expiry was.
	Apply(now time.Duration, cluster fsm.Millis, timers []fsm.Timer) (late []time.Duration)
	// Renew raises a hold's deadline to a full TTL from now; false where its end was proposed.
	Renew(now time.Duration, token uint64) (margin float64, ok bool)
	// Left returns the time until something ends and since it was last renewed.
	Left(now time.Duration, kind fsm.TimerKind, id uint64) (left, renewed time.Duration, ok bool)
	// Due marks and returns what is due, and when the next deadline is.
	Due(now time.Duration, most int) (due []fsm.Timer, next time.Duration)
	// Withdraw marks a hold whose grant was not delivered; false where its holder renewed it.
	Withdraw(token uint64) bool
	// Stamped reports whether any deadline goes by the cluster's clock.
	Stamped() bool
	// Undecided takes back the mark of an end that was surely not proposed.
	Undecided(t fsm.Timer)
}
