package chaos

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// pulsePause is the pause between two writes of one prober. It limits the precision of a gap.
const pulsePause = 5 * time.Millisecond

// A pulse records when the cluster accepted writes. A prober for each node, on a host without faults, repeatedly
// acquires and releases a lease.
type pulse struct {
	now func() time.Duration

	// mu guards beats.
	mu    sync.Mutex
	beats []time.Duration // times of successful writes, in order
}

// watch probes one node until ctx ends.
func (p *pulse) watch(ctx context.Context, from *host, n *node) {
	c := newControl(from, n.http())
	name, session := "pulse."+n.name, "pulse-session-of-"+n.name
	for ctx.Err() == nil {
		got := c.post("/v1/leases/"+name+"/acquire", map[string]any{"holder": n.name, "session": session, "ttl_ms": 10_000}, nil)
		if got == nil {
			p.beat()
			got = c.post("/v1/leases/"+name+"/release", map[string]any{"session": session}, nil)
		}
		if got == nil {
			p.beat()
		}
		select {
		case <-ctx.Done():
		case <-time.After(pulsePause):
		}
	}
}

func (p *pulse) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beats = append(p.beats, p.now())
}

// gap returns the longest time without a write between the last one before from and the first one after to.
func (p *pulse) gap(from, to time.Duration) (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first, _ := slices.BinarySearch(p.beats, from)
	after, _ := slices.BinarySearch(p.beats, to)
	if first == 0 || after == len(p.beats) {
		return 0, fmt.Errorf("no write before %v or none after %v", from, to)
	}
	longest := time.Duration(0)
	for i := first; i <= after; i++ {
		longest = max(longest, p.beats[i]-p.beats[i-1])
	}
	return longest, nil
}

// since returns the time of the first successful write after a moment.
func (p *pulse) since(moment time.Duration) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, _ := slices.BinarySearch(p.beats, moment)
	if i == len(p.beats) {
		return 0, false
	}
	return p.beats[i], true
}
