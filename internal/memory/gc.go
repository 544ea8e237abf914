package memory

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Go collects garbage when the heap has doubled. The heap of a small cluster is so small that it
// doubles many times a second under load. The heap of a million leases is so large that half of the
// memory would be garbage. So GOGC depends on the heap: within limits, gcSpare bytes are available
// between two collections.
const (
	gcSpare    = 128 << 20
	gcLeast    = 40  // percent of the live heap
	gcMost     = 800 // percent of the live heap
	gcInterval = time.Second
)

// gcPercent returns the GOGC value for a live heap of that many bytes.
func gcPercent(live uint64) int {
	return int(min(max(100*gcSpare/max(live, 1), gcLeast), gcMost))
}

// TuneGC adjusts GOGC until ctx ends, unless GOGC or GOMEMLIMIT is set.
func TuneGC(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	ticker := time.NewTicker(gcInterval)
	defer ticker.Stop()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	set := 0
	for {
		metrics.Read(live)
		if p := gcPercent(live[0].Value.Uint64()); p != set {
			debug.SetGCPercent(p)
			set = p
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
