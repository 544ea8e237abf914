package overload

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	held = 1_000
	ttl  = 10 * time.Second
)

// holders hold one lease each. The first ones, up to held, renew every third of the TTL. The others are released, see
// gifts.
type holders struct {
	nodes  []string
	client *http.Client
	tokens []uint64

	mu       sync.Mutex
	deadline []time.Time
	lost     []string
	took     []time.Duration // latencies of successful renewals
	failed   int             // failed renewals that lost no lease
}

func newHolders(t *testing.T, nodes []string) *holders {
	t.Helper()
	h := &holders{
		nodes:  nodes,
		client: &http.Client{Timeout: ttl / 3, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		tokens: make([]uint64, held+given), deadline: make([]time.Time, held+given),
	}
	for i := range held + given {
		term := ttl
		if i >= held {
			term = time.Hour // not renewed
		}
		sent := time.Now()
		a, status, err := h.post(i, "acquire", fmt.Sprintf(`{"holder":"h%d","session":"%s","ttl_ms":%d}`, i, session(i), term.Milliseconds()))
		if err != nil || status != http.StatusCreated {
			t.Fatalf("holder %d was not granted: %d %v", i, status, err)
		}
		h.tokens[i], h.deadline[i] = a.Token, sent.Add(time.Duration(a.ExpiresIn)*time.Millisecond)
	}
	return h
}

func session(i int) string { return fmt.Sprintf("session-of-holder-%04d", i) }
func lease(i int) string   { return fmt.Sprintf("held.%04d", i) }

type answer struct {
	Token     uint64
	ExpiresIn int64 `json:"expires_in_ms"`
	Lost      bool
	Type      string
}

func (h *holders) post(i int, verb, body string) (a answer, status int, err error) {
	resp, err := h.client.Post("http://"+h.nodes[i%len(h.nodes)]+"/v1/leases/"+lease(i)+"/"+verb, "application/json", strings.NewReader(body))
	if err != nil {
		return a, 0, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(raw, &a)
	}
	return a, resp.StatusCode, err
}

// keep renews every lease on time until ctx ends.
func (h *holders) keep(ctx context.Context) {
	var all sync.WaitGroup
	for i := range held {
		all.Go(func() {
			wait := time.NewTimer(time.Duration(i) * ttl / 3 / held)
			defer wait.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-wait.C:
				}
				if h.renew(i) {
					wait.Reset(ttl / 3)
				} else {
					wait.Reset(100 * time.Millisecond)
				}
			}
		})
	}
	all.Wait()
}

func (h *holders) renew(i int) bool {
	sent := time.Now()
	a, status, err := h.post(i, "renew", fmt.Sprintf(`{"session":"%s","token":%d}`, session(i), h.tokens[i]))
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err == nil && status == http.StatusOK:
		h.deadline[i] = sent.Add(time.Duration(a.ExpiresIn) * time.Millisecond)
		h.took = append(h.took, time.Since(sent))
		return true
	case a.Lost:
		h.lost = append(h.lost, fmt.Sprintf("%s: %s", lease(i), a.Type))
	case time.Now().After(h.deadline[i]):
		h.lost = append(h.lost, lease(i)+": the local deadline of the holder has passed")
	}
	h.failed++
	return false
}

// latencies returns the sorted latencies of the renewals since the last call.
func (h *holders) latencies() []time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	took := h.took
	h.took = nil
	slices.Sort(took)
	return took
}

func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(p*float64(len(sorted)-1))]
}
