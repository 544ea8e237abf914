package sim

import (
	"testing"
	"time"

	"github.com/lockd/lockd/test/linear"
)

func TestHistory(t *testing.T) {
	for i := range max(*runs/10, 1) {
		r := Run(Config{Seed: *seed + uint64(i), History: true, Drift: 1e-9})
		if r.Broken != "" {
			t.Errorf("seed %d: %s", r.Config.Seed, r.Broken)
		}
		report := linear.Check(&r.History, linear.Options{Late: 20 * time.Second})
		t.Log(report)
		if err := report.Err(); err != nil {
			t.Error(err)
		}
	}
}
