package lockd

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/lockd/lockd/bench/lean"
)

// Live returns the size of the heap after the node's last garbage collection, and the number of its collections. It
// derives the size from the heap size at which the next collection begins, which is larger by GOGC percent.
func (l *Lockd) Live(ctx context.Context, server int) (bytes float64, collections int, err error) {
	client := lean.New(l.http[server])
	defer client.Close()
	text, err := client.Body(ctx, "/metrics")
	if err != nil {
		return 0, 0, err
	}
	next, err := metric(text, "go_memstats_next_gc_bytes")
	if err != nil {
		return 0, 0, err
	}
	percent, err := metric(text, "go_gc_gogc_percent")
	if err != nil {
		return 0, 0, err
	}
	n, err := metric(text, "go_gc_duration_seconds_count")
	return next / (1 + percent/100), int(n), err
}

// metric returns the value of a metric without labels.
func metric(text []byte, name string) (float64, error) {
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, errors.New("no metric " + name)
}
