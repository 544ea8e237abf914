package overload

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// given is how many leases are given back while the flood lasts.
const given = 100

// gifts are what came of giving leases back.
type gifts struct {
	mu      sync.Mutex
	took    []time.Duration // of those that passed
	unknown int
	wrong   []string // refused: nobody may be kept from giving a lease back
}

// give releases the leases from held on, evenly over a while, each on time
// whatever became of those before.
func (h *holders) give(over time.Duration) *gifts {
	var g gifts
	var all sync.WaitGroup
	turns := time.NewTicker(over / given)
	defer turns.Stop()
	for i := held; i < held+given; i++ {
		all.Go(func() { g.release(h, i) })
		<-turns.C
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
