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

// A Run is the clients of one process.
type Run struct {
	cfg    Config
	client http.Client
	from   uint64        // revision at the start of the run
	until  atomic.Uint64 // revision up to which watchers read; 0: not known yet
	ended  chan struct{} // closed when all clients have stopped

	// mu guards the fields below.
	mu      sync.Mutex
	history linear.History
}

// New returns a run. Run starts it.
func New(cfg Config) *Run {
	cfg.setDefaults()
	return &Run{cfg: cfg, client: http.Client{Transport: cfg.Transport}, ended: make(chan struct{})}
}

// Run runs the clients until ctx ends or the configured number of operations is done. Then it waits until the
// watchers have read all events. It returns the recorded history, and an error if the cluster did not respond before
// the start or after the end.
func (r *Run) Run(ctx context.Context) (linear.History, error) {
	var err error
	if r.from, err = r.revision(); err != nil {
		return linear.History{}, fmt.Errorf("the cluster is not ready: %w", err)
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

// Ops returns the number of operations recorded so far.
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

// revision reads the latest revision. It tries one node after the other until patience runs out.
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
		err = fmt.Errorf("%s returned %d %s", node, a.status, a.Type)
	}
	return a.Revision, err
}
