package conformance

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lockd/lockd/test/nodes"
)

// A client that is cut off in silence tells the loss before whoever waits has the
// lease, each time. How long before the TTL is over that is, is measured.
func TestABlackHoleIsToldBeforeAnybodyElseHolds(t *testing.T) {
	const ttl = 5_000
	each(t, func(t *testing.T, language string, c *nodes.Cluster, e *testee) {
		var told, next []time.Duration
		for i := range *trials {
			p := &play{
				t: t, cluster: c, prefix: fmt.Sprintf("%s-hole-%d-", language, i), testee: e,
				clients: make(map[string]*actor), holds: make(map[string]*hold),
			}
			holder, waiter := fmt.Sprintf("a%d", i), fmt.Sprintf("b%d", i)
			lease, second := fmt.Sprintf("l%d", i), fmt.Sprintf("m%d", i)
			p.run(scenario{Steps: []step{
				{Do: "client", Client: holder},
				{Do: "client", Client: waiter},
				{Do: "acquire", Client: holder, Lease: lease, Name: "job", TTL: ttl},
				{Do: "begin acquire", Client: waiter, Lease: second, Name: "job", TTL: ttl, Wait: 60_000},
				{Do: "queued", Name: "job", Count: 1},
				{Do: "silence", Client: holder},
			}})
			renewed := p.clients[holder].answered()
			p.run(scenario{Steps: []step{
				{Do: "lost", Lease: lease},
				{Do: "granted", Lease: second, Above: lease}, // after the loss was told
			}})
			lost := p.holds[lease].lost
			told = append(told, lost.Sub(renewed))
			next = append(next, p.holds[second].granted.Sub(renewed)-ttl*time.Millisecond)
			p.run(scenario{Steps: []step{{Do: "release", Lease: second}}})
		}
		t.Logf("%s, TTL 5 s, %d trials: the loss is told after %s; the next holder begins beyond the TTL after %s",
			language, *trials, spread(told), spread(next))
	})
}

func spread(of []time.Duration) string {
	slices.Sort(of)
	round := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	return fmt.Sprintf("min %v, median %v, max %v", round(of[0]), round(of[len(of)/2]), round(of[len(of)-1]))
}
