package workload

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/lockd/lockd/test/history/linear"
)

const (
	// lookAround is the interval between two polls for the leader.
	lookAround = 50 * time.Millisecond
	// lookTimeout is the timeout of one poll.
	lookTimeout = 500 * time.Millisecond
	// silence is how long no node may be ready before that counts as a failover. A leader that was stopped for longer
	// moves its deadlines.
	silence = 400 * time.Millisecond
)

// watchLeaders records when the cluster was not ready, and when the term changed.
func (r *Run) watchLeaders() {
	served, term := r.cfg.Now(), uint64(0)
	for i := 0; ; i++ {
		select {
		case <-r.ended:
			return
		case <-time.After(lookAround):
		}
		node := r.cfg.Nodes[i%len(r.cfg.Nodes)]
		sent := r.cfg.Now()
		if _, err := r.revisionAt(node, lookTimeout); err != nil {
			continue
		}
		newest, err := r.termAt(node)
		if err != nil {
			continue
		}
		back := r.cfg.Now()
		if newest > term && term != 0 || back-served > silence {
			r.mu.Lock()
			r.history.Terms = append(r.history.Terms, linear.TermChange{From: served, To: back})
			r.mu.Unlock()
		}
		served, term = sent, max(term, newest)
	}
}

// termAt returns the current term of a node.
func (r *Run) termAt(node string) (uint64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, node+"/v1/cluster", nil)
	if err != nil {
		return 0, err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var status struct {
		Term uint64 `json:"term"`
	}
	return status.Term, json.NewDecoder(resp.Body).Decode(&status)
}
