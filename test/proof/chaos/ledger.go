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
	// ledgerSize is how many leases it holds at most: then it gives the oldest back.
	ledgerSize = 5000
)

// A ledger takes leases and keeps them. Whatever happens, each that it was told to
// hold must be there, with its token.
type ledger struct {
	nodes []*control

	// mu guards what follows.
	mu    sync.Mutex
	acked map[string]uint64 // the token by name
	count int               // of all that were acknowledged
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
		return // it may hold it, and was not told
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[name] = got.Token
	l.count++
}

// giveBack forgets a lease before it gives it back: what comes of that is open.
func (l *ledger) giveBack(at *control, name string) {
	l.mu.Lock()
	delete(l.acked, name)
	l.mu.Unlock()
	_ = at.post("/v1/leases/"+name+"/release", map[string]any{"session": ledgerSession}, nil)
}

// size returns how many leases were acknowledged.
func (l *ledger) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// lost asks a node for all leases, and returns those of the ledger that were
// acknowledged before and are not held as they were.
func (l *ledger) lost(c *control) ([]string, error) {
	acked := l.entries()
	held, err := listed(c, ledgerPrefix, false)
	if err != nil {
		return nil, err
	}
	var lost []string
	still := l.entries() // what was given back meanwhile is not lost
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
