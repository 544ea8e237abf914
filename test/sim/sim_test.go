package sim

import (
	"flag"
	"os"
	"testing"
	"time"
)

var (
	seed   = flag.Uint64("seed", 1, "the first seed")
	runs   = flag.Int("runs", 4, "how many seeds")
	traced = flag.String("trace", "", "tell what happens to the lease of this name")
	length = flag.Duration("length", time.Hour, "how long a run is, in simulated time")
)

func TestSeeds(t *testing.T) {
	for i := range *runs {
		cfg := Config{Seed: *seed + uint64(i), Length: *length}
		if *traced != "" {
			cfg.Trace, cfg.Traced = os.Stdout, *traced
		}
		r := Run(cfg)
		t.Logf("seed %d: %+v", r.Config.Seed, r.Stats)
		if r.Broken != "" {
			t.Errorf("seed %d: %s", r.Config.Seed, r.Broken)
		}
	}
}
