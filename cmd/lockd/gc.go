package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Go collects garbage when the heap has doubled. A small cluster's heap is so small
// that it doubles many times a second under load; a million leases' heap is so
// large that half of the memory would be garbage. So the share follows the heap:
// there is gcSpare to fill between two collections, within bounds.
const (
	gcSpare   = 128 << 20
	gcLeast   = 40  // percent of what lives
	gcMost    = 800 // likewise
	gcLooking = time.Second
)

// gcPercent returns the share for so many bytes that live.
func gcPercent(live uint64) int {
	return int(min(max(100*gcSpare/max(live, 1), gcLeast), gcMost))
}

// tuneGC keeps the share of garbage right until ctx ends, unless an operator has
// set one, or a limit of memory, by Go's own variables.
func tuneGC(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	ticker := time.NewTicker(gcLooking)
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
