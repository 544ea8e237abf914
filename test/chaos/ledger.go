package chaos

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
)

const (
	ledgerPrefix  = "ledger."
	ledgerSession = "session-of-the-ledger"
	ledgerTTL     = 24 * time.Hour
	ledgerPause   = 20 * time.Millisecond
)

// A ledger takes leases and never gives them back. Whatever happens, each that it
// was told to hold must be there, with its token.
type ledger struct {
	nodes []*control

	// mu guards acked.
	mu    sync.Mutex
	acked map[string]uint64 // the token by name
}

func newLedger(from *host, nodes []*node) *ledger {
	l := &ledger{acked: make(map[string]uint64)}
	for _, n := range nodes {
		l.nodes = append(l.nodes, newControl(from, n.http()))
	}
	return l
}

// fill takes one lease after another, at one node after another, until ctx ends.
func (l *ledger) fill(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		name := fmt.Sprintf("%s%06d", ledgerPrefix, i)
		var got struct{ Token uint64 }
		err := l.nodes[i%len(l.nodes)].post("/v1/leases/"+name+"/acquire",
			map[string]any{"holder": "ledger", "session": ledgerSession, "ttl_ms": ledgerTTL.Milliseconds()}, &got)
		if err == nil {
			l.mu.Lock()
			l.acked[name] = got.Token
			l.mu.Unlock()
		}
		select {
		case <-ctx.Done():
		case <-time.After(ledgerPause):
		}
	}
}

// size returns how many leases were acknowledged.
func (l *ledger) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// lost asks a node for all leases, and returns those of the ledger that were
// acknowledged before and are not held as they were.
func (l *ledger) lost(c *control) ([]string, error) {
	l.mu.Lock()
	acked := maps.Clone(l.acked)
	l.mu.Unlock()
	held, err := listed(c, ledgerPrefix, false)
	if err != nil {
		return nil, err
	}
	var lost []string
	for name, token := range acked {
		if lease := held[name]; lease.Token != token {
			lost = append(lost, fmt.Sprintf("%s: token %d was acknowledged, %d is held", name, token, lease.Token))
		}
	}
	return lost, nil
}
