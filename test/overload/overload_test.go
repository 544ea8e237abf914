package overload

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lockd/lockd/test/goals"
	"github.com/lockd/lockd/test/nodes"
)

var (
	floods = flag.Duration("flood", 8*time.Second, "how long the flood lasts")
	times  = flag.Int("times", 10, "of what the cluster can take is asked for")
)

func TestMain(m *testing.M) {
	if told := os.Getenv(ordersVariable); told != "" {
		if err := flood(told); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(nodes.Main(m))
}

func TestAFloodOfAcquiresTakesNobodysLease(t *testing.T) {
	began := time.Now()
	c := nodes.StartThree(t, "--heartbeat-timeout", "500ms", "--max-conns-per-ip", "16384")
	h := newHolders(t, c.Addresses())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { h.keep(ctx); close(ended) }()

	// What it can take, and how long renewals take then.
	calm := startFlood(t, orders{Nodes: c.Addresses(), Rate: 1 << 20, For: 2 * time.Second, Open: 64, Prefix: "calm."})()
	capacity := int(calm.Granted / 2)
	h.latencies()
	nodes.Eventually(t, "renewals pass", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return len(h.took) > 100 })
	base := h.latencies()
	before := resident(t, c)

	got := startFlood(t, orders{Nodes: c.Addresses(), Rate: *times * capacity, For: *floods, Open: 12_000, Prefix: "flood."})()
	under := h.latencies()
	after := resident(t, c)
	over := time.Now()
	nodes.Eventually(t, "a renewal takes as long as before", func() bool {
		return percentile(h.latencies(), 0.5) > 0 && percentile(h.latencies(), 0.5) <= 2*percentile(base, 0.99)
	})
	recovered := time.Since(over)
	stop()
	<-ended
	for i := range held {
		a := c.Nodes[i%3].Get("/v1/leases/"+lease(i)).Want(t, 200)
		if uint64(a.Number("token")) != h.tokens[i] {
			h.lost = append(h.lost, lease(i)+": "+a.Raw)
		}
	}

	g := &goals.Goal{
		ID: "G16", Nodes: 3, Ops: int(got.Granted+got.Refused) + len(under), Unknown: goals.Share(int(got.Unknown), int(got.Begun-got.Unsent)),
		Faults: 1, Kinds: 1, Real: goals.Seconds(time.Since(began)), Violations: len(h.lost) + len(got.Wrong), Verdict: goals.Passed,
		Figures: map[string]any{
			"capacity_per_s": capacity, "asked_per_s": int64(float64(got.Begun) / floods.Seconds()),
			"sent_per_s":    int64(float64(got.Begun-got.Unsent) / floods.Seconds()),
			"granted_per_s": int64(float64(got.Granted) / floods.Seconds()),
			"refused":       got.Refused, "slowest_refusal_ms": got.SlowestRefusal.Milliseconds(),
			"renewals": len(under), "renewals_tried_again": h.failed,
			"renew_p50_ms": percentile(under, 0.5).Milliseconds(), "renew_p99_ms": percentile(under, 0.99).Milliseconds(),
			"base_p99_ms": percentile(base, 0.99).Milliseconds(),
			"resident_mb": after >> 20, "resident_before_mb": before >> 20, "recovered_ms": recovered.Milliseconds(),
		},
	}
	switch {
	case g.Violations > 0:
		g.Verdict = goals.Failed
		t.Errorf("lost: %v; neither granted nor refused: %v", h.lost[:min(5, len(h.lost))], got.Wrong)
	case got.Refused == 0 || got.Granted == 0 || len(under) == 0:
		g.Verdict = goals.Invalid
		t.Errorf("it was no flood: %+v", got)
	}
	if err := g.Tell(); err != nil {
		t.Error(err)
	}
}

// resident returns how much memory the largest node takes.
func resident(t *testing.T, c *nodes.Cluster) (most int64) {
	t.Helper()
	for _, n := range c.Nodes {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", n.PID()))
		if err != nil {
			t.Skipf("there is no /proc here: %v", err)
		}
		pages, err := strconv.ParseInt(strings.Fields(string(raw))[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, pages*int64(os.Getpagesize()))
	}
	return most
}
