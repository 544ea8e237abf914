package waiting

import (
	"context"
	"time"
)

// endTime is how long the end of a wait is delayed so that the terminal is clean before the next output. A terminal that
// was stopped must not delay it longer.
const endTime = 100 * time.Millisecond

// During shows progress while do runs, and returns when do has returned.
func During(ctx context.Context, progress func(context.Context), do func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		progress(ctx)
	}()
	do()
	cancel()
	select {
	case <-ended:
	case <-time.After(endTime):
	}
}
