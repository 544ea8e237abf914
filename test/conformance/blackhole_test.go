package conformance

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lockd/lockd/test/nodes"
)

// A client that is cut off in silence tells the loss before whoever waits has the
// lease, each time. How long before the TTL is over that is, is measured.
func TestABlackHoleIsToldBeforeAnybodyElseHolds(t *testing.T) {
	each(t, func(t *testing.T, language string, c *nodes.Cluster, e *testee) {
		var all measured
		t.Run("trials", func(t *testing.T) { // all at once
			for i := range *trials {
				t.Run(fmt.Sprint(i+1), func(t *testing.T) {
					t.Parallel()
					all.add(cutOff(t, c, e, fmt.Sprintf("%s-hole-%d-", language, i)))
				})
			}
		})
		t.Logf("%s, TTL %v, %d trials: the loss is told after %s; the next holder begins beyond the TTL after %s",
			language, holeTTL, *trials, spread(all.told), spread(all.next))
	})
}

const holeTTL = 5 * time.Second

// cutOff silences a holder for whom somebody waits. It returns when the loss was told,
// from the sending of the last renewal that was acknowledged, and when the next one
// held, from when the TTL was over.
func cutOff(t *testing.T, c *nodes.Cluster, e *testee, prefix string) (told, next time.Duration) {
	p := &play{t: t, cluster: c, prefix: prefix, testee: e, clients: make(map[string]*actor), holds: make(map[string]*hold)}
	holder, waiter, first, second := prefix+"a", prefix+"b", prefix+"l", prefix+"m"
	ttl := int(holeTTL.Milliseconds())
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
		{Do: "granted", Lease: second, Above: first}, // after the loss was told
		{Do: "release", Lease: second},
	}})
	return p.holds[first].lost.Sub(renewed), p.holds[second].granted.Sub(renewed) - holeTTL
}

// measured is what the trials came to.
type measured struct {
	mu         sync.Mutex
	told, next []time.Duration
}

func (m *measured) add(told, next time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told, m.next = append(m.told, told), append(m.next, next)
}

func spread(of []time.Duration) string {
	if len(of) == 0 {
		return "nothing"
	}
	slices.Sort(of)
	round := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	return fmt.Sprintf("min %v, median %v, max %v", round(of[0]), round(of[len(of)/2]), round(of[len(of)-1]))
}
