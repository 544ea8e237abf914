package overload

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/goals"
	"github.com/lockd/lockd/test/harness/nodes"
)

var (
	floods = flag.Duration("flood", 8*time.Second, "duration of the flood")
	times  = flag.Int("times", 10, "rate of the flood, as a multiple of the cluster's capacity")
	open   = flag.Int("open", 4_500, "limit of open requests of the flood")
)

func TestMain(m *testing.M) {
	if raw := os.Getenv(ordersVariable); raw != "" {
		if err := flood(raw); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(nodes.Main(m))
}

func TestFloodOfAcquiresLosesNoLease(t *testing.T) {
	began := time.Now()
	c := nodes.StartThree(t, "--heartbeat-timeout", "2s", "--max-conns-per-ip", "16384")
	h := newHolders(t, c.Addresses())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { h.keep(ctx); close(ended) }()

	// Measure the capacity, and the latency of renewals at that load.
	calm := startFlood(t, orders{Nodes: c.Addresses(), Rate: 1 << 20, For: 2 * time.Second, Open: 64, Prefix: "calm."})()
	capacity := int(calm.Granted / 2)
	h.latencies()
	nodes.Eventually(t, "renewals pass", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return len(h.took) > 100 })
	base := h.latencies()
	before := resident(t, c)

	flooded := startFlood(t, orders{Nodes: c.Addresses(), Rate: *times * capacity, For: *floods, Open: *open, Prefix: "flood."})
	back := h.give(*floods)
	got := flooded()
	under := h.latencies()
	after := resident(t, c)
	over := time.Now()
	nodes.Eventually(t, "the latency of renewals is back to normal", func() bool {
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
		Faults: 1, Kinds: 1, Real: goals.Seconds(time.Since(began)), Violations: len(h.lost) + len(got.Wrong) + len(back.wrong), Verdict: goals.Passed,
		Figures: map[string]any{
			"capacity_per_s": capacity, "asked_per_s": int64(float64(got.Begun) / floods.Seconds()),
			"sent_per_s":    int64(float64(got.Begun-got.Unsent) / floods.Seconds()),
			"granted_per_s": int64(float64(got.Granted) / floods.Seconds()),
			"refused":       got.Refused, "slowest_refusal_ms": got.SlowestRefusal.Milliseconds(),
			"renewals": len(under), "renewals_tried_again": h.failed,
			"renew_p50_ms": percentile(under, 0.5).Milliseconds(), "renew_p99_ms": percentile(under, 0.99).Milliseconds(),
			"base_p99_ms": percentile(base, 0.99).Milliseconds(),
			"releases":    len(back.took), "releases_unknown": back.unknown, "release_p99_ms": percentile(back.took, 0.99).Milliseconds(),
			"resident_mb": after >> 20, "resident_before_mb": before >> 20, "recovered_ms": recovered.Milliseconds(),
		},
	}
	switch {
	case g.Violations > 0:
		g.Verdict = goals.Failed
		t.Errorf("lost: %v; neither granted nor refused: %v; %v", h.lost[:min(5, len(h.lost))], got.Wrong, back.wrong)
	case got.Refused == 0 || got.Granted == 0 || len(under) == 0 || len(back.took) == 0:
		g.Verdict = goals.Invalid
		t.Errorf("the flood was too small: %+v", got)
	}
	if err := g.Print(); err != nil {
		t.Error(err)
	}
}

// resident returns the largest anonymous memory of a node. Pages of files are not counted, because the kernel can
// drop them.
func resident(t *testing.T, c *nodes.Cluster) (most int64) {
	t.Helper()
	for _, n := range c.Nodes {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", n.PID()))
		if err != nil {
			t.Skipf("no /proc on this machine: %v", err)
		}
		var size, all, shared int64
		if _, err := fmt.Sscan(string(raw), &size, &all, &shared); err != nil {
			t.Fatal(err)
		}
		most = max(most, (all-shared)*int64(os.Getpagesize()))
	}
	return most
}
