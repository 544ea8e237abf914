package conformance

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/nodes"
)

// TestPartitionedHolderReportsTheLossFirst checks, in each trial, that a client behind a network
// that drops all packets reports the loss before a waiter has the lease. It measures how long after
// the last renewal that is.
func TestPartitionedHolderReportsTheLossFirst(t *testing.T) {
	each(t, func(t *testing.T, language string, c *nodes.Cluster, e *driver) {
		var all measured
		t.Run("trials", func(t *testing.T) { // all trials run at the same time
			for i := range *trials {
				t.Run(fmt.Sprint(i+1), func(t *testing.T) {
					t.Parallel()
					all.add(cutOff(t, c, e, fmt.Sprintf("%s-partition-%d-", language, i)))
				})
			}
		})
		t.Logf("%s, TTL %v, %d trials: the loss is reported after %s; the next hold begins %s after the end of the TTL",
			language, partitionTTL, *trials, spread(all.reported), spread(all.next))
	})
}

const partitionTTL = 5 * time.Second

// cutOff silences the links of a holder that has a waiter. It returns when the loss was reported,
// counted from the last renewal that was answered, and when the next hold began, counted from the
// end of the TTL.
func cutOff(t *testing.T, c *nodes.Cluster, e *driver, prefix string) (reported, next time.Duration) {
	p := newPlay(t, c, e, prefix)
	holder, waiter, first, second := prefix+"a", prefix+"b", prefix+"l", prefix+"m"
	ttl := int(partitionTTL.Milliseconds())
	p.run(scenario{Steps: []step{
		{Do: "client", Client: holder},
		{Do: "client", Client: waiter},
		{Do: "acquire", Client: holder, Lease: first, Name: "job", TTL: ttl},
		{Do: "begin acquire", Client: waiter, Lease: second, Name: "job", TTL: ttl, Wait: 60_000},
		{Do: "queued", Name: "job", Count: 1},
		{Do: "silence", Client: holder},
	}})
	renewed := p.clients[holder].answered()
	p.run(scenario{Steps: []step{
		{Do: "lost", Lease: first},
		{Do: "granted", Lease: second, Above: first}, // not before the loss was reported
		{Do: "release", Lease: second},
	}})
	return p.holds[first].lost.Sub(renewed), p.holds[second].granted.Sub(renewed) - partitionTTL
}

// measured collects the times of the trials.
type measured struct {
	mu             sync.Mutex
	reported, next []time.Duration
}

func (m *measured) add(reported, next time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reported, m.next = append(m.reported, reported), append(m.next, next)
}

func spread(of []time.Duration) string {
	if len(of) == 0 {
		return "nothing"
	}
	slices.Sort(of)
	round := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	return fmt.Sprintf("min %v, median %v, max %v", round(of[0]), round(of[len(of)/2]), round(of[len(of)-1]))
}
