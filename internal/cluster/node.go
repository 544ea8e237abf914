package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sync/errgroup"

	"github.com/lockd/lockd/internal/cluster/counters"
	"github.com/lockd/lockd/internal/discovery"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
	"github.com/lockd/lockd/internal/storage"
	"github.com/lockd/lockd/internal/transport"
)

// A Node is one member of a cluster.
type Node struct {
	cfg     Config
	log     *slog.Logger
	metrics *counters.Counters
	failure chan error // the first error that the node cannot go on after

	store   *storage.Store
	self    *self
	replica *replica
	network *network
	raft    *raftView
	peers   *peers

	term       atomic.Pointer[term] // the gate: the term that serves, or nil
	leaving    atomic.Bool          // shutting down: nothing is cleaned up any more
	router     *router
	membership *membership
	clients    clients
}

// network is the peer port as Raft and the node use it.
type network struct {
	rounds    *leader.Rounds
	stream    *transport.Stream
	transport *transport.Raft
	server    *transport.Server
}

// New opens the data directory, checks it and prepares a node that Run starts.
// If the data is damaged, the error contains the remedy.
func New(cfg Config) (*Node, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, log: cfg.Log, failure: make(chan error, 1),
		clients: clients{calls: leader.NewCaller(randomUint64()), queue: make(chan *fsm.CancelAcquire, maxAbandons)},
	}
	n.router = &router{n: n, changed: make(chan struct{})}
	n.membership = &membership{n: n}
	n.membership.finder = discovery.New(discovery.Config{
		Join: cfg.Join, Resolver: cfg.Resolver, Identify: n.membership.identify, Log: cfg.Log,
	})
	n.metrics = newMetrics(cfg.Registerer, n)
	var err error
	n.store, err = storage.Open(storage.Options{
		Dir: cfg.Dir, Create: true, LogStore: storage.LogStore(cmp.Or(cfg.LogStore, storage.LogStores()[0])),
		Disk: cfg.Disk, Fail: n.fail, Log: n.log,
	})
	if err != nil {
		return nil, err
	}
	id, err := n.store.LoadIdentity(cfg.Name)
	if err == nil {
		err = cfg.checkCertificate(id.Name)
	}
	if err == nil {
		n.self = newSelf(&cfg, id, n.store.SaveIdentity)
		err = errors.Join(n.store.UndoHalfBootstrap(id), n.openRaft(id.ID()))
	}
	if err != nil {
		return nil, errors.Join(err, n.store.Close())
	}
	return n, nil
}

func (n *Node) openRaft(id string) error {
	began := time.Now()
	now := func() time.Duration { return time.Since(began) }
	n.replica = &replica{now: now, watchers: n.cfg.Watchers, fail: n.fail, state: leader.NewReplica(), known: newKnowledge()}
	s := transport.NewStream(id)
	n.peers = &peers{
		log: n.log, dialNet: n.cfg.Dial, security: n.cfg.Security, hello: n.self.hello, servers: func() []raft.Server { return n.raft.servers() }, ctx: s.Dialling(),
		records: make(map[string]fsm.Node), proofs: make(map[string]struct{}), clients: make(map[string]*transport.Client),
	}
	s.Dialer = n.peers.dial
	rounds := leader.NewRounds()
	n.network = &network{rounds: rounds, stream: s, transport: transport.NewRaft(transport.RaftConfig{
		Stream: s, Rounds: rounds, Acked: n.acked, Stalled: n.stalled,
		Heartbeat: n.cfg.Heartbeat, Log: n.log, Intercept: n.cfg.intercept,
	})}
	stores, log, err := n.store.ForRaft(n.cfg.logCache())
	if err != nil {
		return err
	}
	r, err := raft.NewRaft(n.cfg.raft(id), n.replica, log, stores, n.store.Snapshots, n.network.transport)
	if err != nil {
		return fmt.Errorf("starting Raft from %s: %w", n.cfg.Dir, err)
	}
	n.raft = &raftView{Raft: r, id: id}
	stores.Started()
	n.network.transport.Started(r)
	h := peerHandler{n}
	n.network.server = transport.NewServer(transport.ServerConfig{
		Listener: n.cfg.Listener, Version: fsm.EntryVersion, Admit: h.admit, Member: h.isMember, Raft: s.Take, Handle: h.handle,
		Security: n.cfg.Security, Log: n.log,
	})
	return nil
}

// now returns the time since this node began, on its monotonic clock.
func (n *Node) now() time.Duration { return n.replica.now() }

// fail stops the node: it cannot go on safely.
func (n *Node) fail(err error) {
	select {
	case n.failure <- err:
		n.log.Error("this node stops", "err", err)
	default: // only the first error counts
	}
}

// Run serves until ctx ends, then hands leadership over and closes everything.
// It returns nil at a clean end, and the error that stopped the node otherwise.
func (n *Node) Run(ctx context.Context) error {
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	observed := n.router.observe()
	jobs, running := errgroup.WithContext(serving)
	jobs.Go(func() error { return n.network.server.Run(running) })
	jobs.Go(func() error { return n.lead(running) })
	jobs.Go(func() error { return n.router.follow(running, observed) })
	jobs.Go(func() error { return n.network.transport.Run(running) })
	jobs.Go(func() error { return n.cleanUp(running) })
	jobs.Go(func() error { return n.membership.enter(running) })
	jobs.Go(func() error { return n.membership.catchUp(running) })

	var failed error
	select {
	case <-ctx.Done():
		n.leaving.Store(true)
		n.handOver()
	case failed = <-n.failure:
		n.leaving.Store(true) // waiting callers get an error at once
	case <-running.Done():
		failed = errors.New("a part of the node ended")
	}
	stopServing()
	failed = errors.Join(failed, ignoreCanceled(n.stop(jobs)))
	return failed
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

const (
	handOverTimeout = 2 * time.Second
	stopTimeout     = 3 * time.Second
)

// handOver transfers leadership, so that the cluster waits milliseconds for the
// next leader and not an election.
func (n *Node) handOver() {
	if n.raft.State() != raft.Leader {
		return
	}
	next, ok := n.successor()
	if !ok {
		return
	}
	done := make(chan error, 1)
	go func() { done <- n.raft.LeadershipTransferToServer(next.ID, next.Address).Error() }()
	select {
	case err := <-done:
		if err != nil {
			n.log.Warn("leadership could not be handed over", "err", err)
			return
		}
		n.log.Info("leadership was handed over")
	case <-time.After(handOverTimeout):
		n.log.Warn("handing leadership over took too long")
	}
}

// stop closes Raft and then its stores. Raft does not end while the disk hangs: the process
// then ends without it.
func (n *Node) stop(jobs *errgroup.Group) error {
	down := make(chan error, 1)
	go func() { down <- n.raft.Shutdown().Error() }()
	n.network.stream.HangUp()
	var errs []error
	ended := false
	select {
	case err := <-down:
		ended = true
		errs = append(errs, err)
	case <-time.After(stopTimeout):
		errs = append(errs, errors.New("Raft did not end in time"))
	}
	n.network.stream.Close()
	errs = append(errs, ignoreCanceled(jobs.Wait()))
	n.peers.close()
	errs = append(errs, n.network.transport.Close())
	n.network.transport.CloseStreams() // Close keeps idle connections open, which matters if the process goes on
	if ended {                         // else the disk hangs, and closing would wait for it
		errs = append(errs, n.store.Close())
	}
	return errors.Join(errs...)
}

// stallLimit is how long a write to the disk may take before a leader gives up:
// Raft's heartbeats run apart from its disk and would keep it leader.
const stallLimit = time.Second

func (n *Node) stalled() bool { return n.store.Hanging() > stallLimit }

// stallBegan returns a channel that is closed once the disk hangs, for a wait
// that the hang would otherwise keep.
func (n *Node) stallBegan() <-chan struct{} {
	hangs := make(chan struct{})
	deadline := time.Now().Add(barrierTimeout)
	var look func()
	look = func() {
		switch {
		case n.stalled():
			close(hangs)
		case time.Now().Before(deadline):
			time.AfterFunc(stallLimit/10, look)
		}
	}
	look()
	return hangs
}

// Revision returns the revision of this node's machine.
func (n *Node) Revision() uint64 { return n.replica.revision.Load() }

// Hash returns a digest of this node's machine and the log index that it has applied.
func (n *Node) Hash() (hash string, index uint64) {
	n.replica.mu.Lock()
	defer n.replica.mu.Unlock()
	return n.replica.state.Machine.Hash(), n.replica.state.Index
}
