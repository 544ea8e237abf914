package cluster

import (
	"context"
	"sync"
	"time"
)

// reportTimeout bounds how long a node waits for the reports of the others.
const reportTimeout = time.Second

// A Report is what a node states about itself, for operators. Nodes exchange it as JSON: a reader ignores unknown fields.
type Report struct {
	Version    string     `json:"version"` // of lockd
	Applied    uint64     `json:"applied_index"`
	DiskWrite  int64      `json:"disk_write_ms"` // of the last write to the log, or of one under way that takes longer
	TLSExpires *time.Time `json:"tls_expires,omitempty"`
}

// Reports returns what the members that answer within a second state about themselves, by ID.
func (n *Node) Reports(ctx context.Context) map[string]Report {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	own := n.self.identity().ID()
	reports := map[string]Report{own: n.report()}
	var mu sync.Mutex // guards reports
	var asking sync.WaitGroup
	for _, s := range n.raft.servers() {
		if string(s.ID) == own {
			continue
		}
		asking.Go(func() {
			r, err := askJSON[Report](ctx, n.peers.client(string(s.ID)), callReport, struct{}{})
			if err != nil {
				return // it does not answer, or is of an older version
			}
			mu.Lock()
			defer mu.Unlock()
			reports[string(s.ID)] = r
		})
	}
	asking.Wait()
	return reports
}

func (n *Node) report() Report {
	r := Report{Applied: n.raft.AppliedIndex(), DiskWrite: max(n.store.Hanging(), n.store.LastWrite()).Milliseconds()}
	if n.cfg.Describe != nil {
		n.cfg.Describe(&r)
	}
	return r
}
