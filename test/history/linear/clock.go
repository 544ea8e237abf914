package linear

import (
	"cmp"
	"slices"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

func millis(ms fsm.Millis) time.Duration { return time.Duration(ms) * time.Millisecond }

// atLeast and atMost bound the time that the test's clock counts while the clock of a node or client counts d, if
// clocks differ by rho.
func atLeast(d time.Duration, rho float64) time.Duration {
	return time.Duration(float64(d) * (1 - rho))
}

func atMost(d time.Duration, rho float64) time.Duration { return time.Duration(float64(d) * (1 + rho)) }

// latest is the last moment at which a hold that was renewed at back can expire. Each failover during the hold
// restarts its TTL.
func latest(back, ttl, late time.Duration, terms []TermChange) time.Duration {
	end := back + ttl + late
	for _, t := range terms {
		if t.From <= end && t.To >= back {
			end = max(end, t.To+ttl+late)
		}
	}
	return end
}

func byBeginning(terms []TermChange) []TermChange {
	return slices.SortedFunc(slices.Values(terms), func(a, b TermChange) int { return cmp.Compare(a.From, b.From) })
}
