package report

import (
	"context"
	"fmt"
	"time"

	"github.com/lockd/lockd/internal/console"
)

// Progress returns what shows the progress of a load in a line of a terminal, once a second.
func Progress(line *console.StatusLine, work string, duration time.Duration) func(context.Context, func() (done, failed int64)) {
	return func(ctx context.Context, soFar func() (done, failed int64)) {
		began := time.Now()
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		defer line.Set("")
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			elapsed := time.Since(began)
			done, failed := soFar()
			line.Set(fmt.Sprintf("lockd: %s: %v of %v, %d done, %.0f per second, %d errors", work,
				elapsed.Truncate(time.Second), duration, done, float64(done)/elapsed.Seconds(), failed))
		}
	}
}
