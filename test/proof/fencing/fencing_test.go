package fencing

import (
	"flag"
	"math/rand/v2"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/goals"
	"github.com/lockd/lockd/test/harness/nodes"
)

var (
	updates = flag.Int("fencing.updates", 600, "number of acknowledged updates in the run with the fenced store")
	control = flag.Int("fencing.control", 200, "number of acknowledged updates in the run with the store that ignores tokens")
	seed    = flag.Uint64("seed", 1, "seed of the pauses")
)

const (
	clients = 8
	// Bounds of a pause. Some leases expire during it, others do not.
	shortest, longest = 500 * time.Millisecond, 3 * time.Second
	// between is the longest time between two pauses.
	between = 600 * time.Millisecond
	// enough is the minimum number of late writes in a run, so that there was something to reject or to lose.
	enough = 2
	// most is the maximum number of pauses in a run.
	most = 400
)

// An outcome is the result of a run.
type outcome struct {
	began              time.Time
	acknowledged, lost int
	late               int // writes with a token below the highest
	pauses             int
}

// experiment lets client processes add to a set and stops one after the other, mostly during an update, until the
// given number of updates is acknowledged.
func experiment(t *testing.T, fenced bool, updates int) (o outcome) {
	t.Helper()
	o.began = time.Now()
	s := &store{fenced: fenced}
	server := httptest.NewServer(s.handler())
	t.Cleanup(server.Close)
	c := startCrew(t, clients, nodes.StartThree(t).Addresses(), server.URL)
	rng := rand.New(rand.NewPCG(*seed, 0))
	for ; (c.updates() < updates || s.tooLate() < enough) && o.pauses < most; o.pauses++ {
		before := c.updates()
		time.Sleep(time.Duration(rng.Int64N(int64(between))))
		c.pause(s, rng)
		nodes.Eventually(t, "the others continue", func() bool { return c.updates() > before })
	}
	acknowledged := c.stop()
	kept := s.contents()
	for _, element := range acknowledged {
		if !kept[element] {
			o.lost++
		}
	}
	o.acknowledged, o.late = len(acknowledged), s.tooLate()
	t.Logf("fenced=%t acknowledged=%d lost=%d (%.1f %%) late_writes=%d pauses=%d seed=%d",
		fenced, o.acknowledged, o.lost, 100*float64(o.lost)/float64(o.acknowledged), o.late, o.pauses, *seed)
	return o
}

// pause stops one client for a while: usually the one that is in an update, sometimes any.
func (c *crew) pause(s *store, rng *rand.Rand) {
	c.t.Helper()
	victim := 1 + rng.IntN(clients)
	if rng.IntN(4) > 0 {
		nodes.Eventually(c.t, "a client is in an update", func() bool {
			reader := s.inTheMiddle()
			if reader != 0 {
				victim = reader
			}
			return reader != 0
		})
	}
	c.signal(victim, syscall.SIGSTOP)
	time.Sleep(shortest + time.Duration(rng.Int64N(int64(longest-shortest))))
	c.signal(victim, syscall.SIGCONT)
}

func TestFencedStoreLosesNoAcknowledgedUpdate(t *testing.T) {
	t.Parallel()
	o := experiment(t, true, *updates)
	o.print(t, "G5", o.lost, o.acknowledged >= *updates && o.late >= enough)
	if o.lost > 0 {
		t.Errorf("%d of %d acknowledged updates are lost", o.lost, o.acknowledged)
	}
	if o.acknowledged < *updates || o.late < enough {
		t.Errorf("%d updates and %d late writes are too few", o.acknowledged, o.late)
	}
}

// This control shows that the test above can fail.
func TestUnfencedStoreLosesUpdates(t *testing.T) {
	t.Parallel()
	o := experiment(t, false, *control)
	o.print(t, "G5-control", 0, o.lost > 0)
	if o.lost == 0 {
		t.Errorf("none of %d acknowledged updates is lost", o.acknowledged)
	}
}

// print prints the goal.
func (o *outcome) print(t *testing.T, id string, violations int, bit bool) {
	t.Helper()
	g := &goals.Goal{
		ID: id, Seed: *seed, Nodes: 3, Ops: o.acknowledged, Faults: o.pauses, Kinds: 1, Real: goals.Seconds(time.Since(o.began)),
		Violations: violations, Verdict: goals.Passed,
		Figures: map[string]any{"lost": o.lost, "lost_share": goals.Share(o.lost, o.acknowledged), "late_writes": o.late},
	}
	switch {
	case violations > 0:
		g.Verdict = goals.Failed
	case !bit:
		g.Verdict = goals.Invalid
	}
	if err := g.Print(); err != nil {
		t.Error(err)
	}
}
