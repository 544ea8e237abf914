package work

import (
	"testing"
	"time"

	"github.com/lockd/lockd/bench/report"
)

func newRow() *report.Cell { return report.NewCell(0) }

func TestFairnessIsOneIfAllHaveAsManyHandOvers(t *testing.T) {
	for _, c := range []struct {
		of   []float64
		want float64
	}{{[]float64{3, 3, 3, 3}, 1}, {[]float64{12, 0, 0, 0}, 0.25}, {[]float64{6, 6, 0, 0}, 0.5}} {
		h, row := handOvers{of: c.of, waits: 12}, newRow()
		h.write(row, 2*time.Second)
		if got := row.Metrics[report.Fairness].Median(); got != c.want {
			t.Errorf("fairness of %v is %v, want %v", c.of, got, c.want)
		}
		if got := row.Metrics[report.PerSecond].Median(); got != 6 {
			t.Errorf("%v in 2s: %v per second, want 6", c.of, got)
		}
	}
}

func TestAHandOverAfterTheEndCountsAsAWaitOnly(t *testing.T) {
	now := time.Now()
	h := handOvers{of: make([]float64, 2), end: now.Add(-time.Second)}
	h.add(1, now.Add(-time.Minute))
	if h.waits != 1 || h.longest < time.Minute || h.of[1] != 0 {
		t.Errorf("waits %d, longest %v, hand-overs %v", h.waits, h.longest, h.of)
	}
}

func TestEarlyExpiriesAreCounted(t *testing.T) {
	now := time.Now()
	e := expiry{due: []time.Time{now.Add(time.Hour), now.Add(-time.Second), now.Add(-time.Minute)}, reported: make(chan struct{})}
	for _, name := range []string{"bench.many.0", "bench.many.x", "bench.many.9", "bench.many.2", "bench.many.1"} {
		e.expired(name)
	}
	<-e.reported
	row := newRow()
	e.write(row)
	if got := row.Metrics[report.Early].Median(); got != 1 {
		t.Errorf("%v early expiries, want 1", got)
	}
	if got := row.Metrics[report.LateMax].Median(); got < 60_000 {
		t.Errorf("the latest was %v ms late, want a minute", got)
	}
}
