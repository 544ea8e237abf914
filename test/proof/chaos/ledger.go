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
	// ledgerSize is the maximum number of held leases. Above it, the oldest one is released.
	ledgerSize = 5000
)

// A ledger acquires leases and keeps them. Every acknowledged lease must remain, with its token, whatever fault
// happens.
type ledger struct {
	nodes []*control

	// mu guards the fields below.
	mu    sync.Mutex
	acked map[string]uint64 // token by name
	count int               // number of all acknowledged leases
}

func newLedger(from *host, nodes []*node) *ledger {
	l := &ledger{acked: make(map[string]uint64)}
	for _, n := range nodes {
		l.nodes = append(l.nodes, newControl(from, n.http()))
	}
	return l
}

// fill acquires leases at one node after the other until ctx ends.
func (l *ledger) fill(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		at := l.nodes[i%len(l.nodes)]
		l.take(at, entryName(i))
		if i >= ledgerSize {
			l.giveBack(at, entryName(i-ledgerSize))
		}
		select {
		case <-ctx.Done():
		case <-time.After(ledgerPause):
		}
	}
}

func entryName(i int) string { return fmt.Sprintf("%s%08d", ledgerPrefix, i) }

func (l *ledger) take(at *control, name string) {
	var got struct{ Token uint64 }
	err := at.post("/v1/leases/"+name+"/acquire",
		map[string]any{"holder": "ledger", "session": ledgerSession, "ttl_ms": ledgerTTL.Milliseconds()}, &got)
	if err != nil {
		return // the outcome is unknown
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[name] = got.Token
	l.count++
}

// giveBack removes a lease from the ledger before it releases it, because the outcome of the release may be unknown.
func (l *ledger) giveBack(at *control, name string) {
	l.mu.Lock()
	delete(l.acked, name)
	l.mu.Unlock()
	_ = at.post("/v1/leases/"+name+"/release", map[string]any{"session": ledgerSession}, nil)
}

// size returns the number of acknowledged leases.
func (l *ledger) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// lost reads all leases from a node, and returns those leases of the ledger that were acknowledged before and are no
// longer held with their token.
func (l *ledger) lost(c *control) ([]string, error) {
	acked := l.entries()
	held, err := listed(c, ledgerPrefix, false)
	if err != nil {
		return nil, err
	}
	var lost []string
	still := l.entries() // leases that were released meanwhile are not lost
	for name, token := range acked {
		if _, kept := still[name]; !kept {
			continue
		}
		if lease := held[name]; lease.Token != token {
			lost = append(lost, fmt.Sprintf("%s: token %d was acknowledged, %d is held", name, token, lease.Token))
		}
	}
	return lost, nil
}

func (l *ledger) entries() map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.acked)
}
