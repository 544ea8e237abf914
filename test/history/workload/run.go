package workload

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockd/lockd/test/history/linear"
)

// A Run is one process's share of the clients.
type Run struct {
	cfg    Config
	client http.Client
	from   uint64        // the revision at which the run began
	until  atomic.Uint64 // the revision that watchers read up to; 0: not known yet
	ended  chan struct{} // closed when the clients have ended

	// mu guards the rest.
	mu      sync.Mutex
	history linear.History
}

// New returns a run that has not begun.
func New(cfg Config) *Run {
	cfg.setDefaults()
	return &Run{cfg: cfg, client: http.Client{Transport: cfg.Transport}, ended: make(chan struct{})}
}

// Run lets the clients do their work until ctx ends or they have done enough,
// and the watchers read all that came of it. It returns what they recorded, and
// an error where the cluster did not answer before the beginning or after the end.
func (r *Run) Run(ctx context.Context) (linear.History, error) {
	var err error
	if r.from, err = r.revision(); err != nil {
		return linear.History{}, fmt.Errorf("the cluster does not serve: %w", err)
	}
	var watchers, clients sync.WaitGroup
	for i := range r.cfg.Watchers {
		watchers.Go(func() { r.watch(i) })
	}
	watchers.Go(r.watchLeaders)
	for i := range r.cfg.Clients {
		clients.Go(func() { r.newClient(i).work(ctx) })
	}
	clients.Wait()
	until, err := r.revision()
	r.until.Store(until)
	close(r.ended)
	watchers.Wait()
	return r.history, err
}

// Ops returns how many operations are recorded so far.
func (r *Run) Ops() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.history.Ops)
}

func (r *Run) record(op linear.Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Ops = append(r.history.Ops, op)
}

func (r *Run) rng(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(r.cfg.Seed, stream)) }

// revision asks one node after the other what the newest revision is, for as
// long as a client is patient.
func (r *Run) revision() (uint64, error) {
	var failed error
	begun := r.cfg.Now()
	for i := 0; r.cfg.Now()-begun < r.cfg.Patience; i++ {
		revision, err := r.revisionAt(r.cfg.Nodes[i%len(r.cfg.Nodes)], r.cfg.Timeout)
		if err == nil {
			return revision, nil
		}
		failed = err
		time.Sleep(backoff)
	}
	return 0, failed
}

// revisionAt makes a linearizable read at a node.
func (r *Run) revisionAt(node string, timeout time.Duration) (uint64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	a, _, err := r.send(ctx, node, &linear.Op{Kind: linear.Read, Name: r.cfg.Names[0].Name})
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s answers %d %s", node, a.status, a.Type)
	}
	return a.Revision, err
}
