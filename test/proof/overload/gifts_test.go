package overload

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// given is the number of leases that are released during the flood.
const given = 100

// gifts is the result of the releases.
type gifts struct {
	mu      sync.Mutex
	took    []time.Duration // latencies of the successful ones
	unknown int
	wrong   []string // refused: a release must never be refused
}

// give releases the leases from index held on, evenly over a duration and each on schedule.
func (h *holders) give(over time.Duration) *gifts {
	var g gifts
	var all sync.WaitGroup
	ticker := time.NewTicker(over / given)
	defer ticker.Stop()
	for i := held; i < held+given; i++ {
		all.Go(func() { g.release(h, i) })
		<-ticker.C
	}
	all.Wait()
	slices.Sort(g.took)
	return &g
}

func (g *gifts) release(h *holders, i int) {
	sent := time.Now()
	a, status, err := h.post(i, "release", fmt.Sprintf(`{"session":"%s","token":%d}`, session(i), h.tokens[i]))
	took := time.Since(sent)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err != nil || status == http.StatusGatewayTimeout:
		g.unknown++
	case status == http.StatusOK:
		g.took = append(g.took, took)
	default:
		g.wrong = append(g.wrong, fmt.Sprintf("release of %s: %d %s", lease(i), status, a.Type))
	}
}
