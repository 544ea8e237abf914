package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sync/errgroup"

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
	metrics *metrics
	origin  time.Time
	calls   *leader.Caller // for clients of this node

	store     *storage.Store
	replica   *replica
	rounds    *leader.Rounds
	finder    *discovery.Finder
	stream    *stream
	transport *raftTransport
	raft      *raft.Raft
	server    *transport.Server

	term     atomic.Pointer[term]   // the gate: the term that serves, or nil
	entering atomic.Pointer[string] // in no cluster yet: what is missing
	caughtUp atomic.Bool            // it has applied what was committed before it started
	leaving  atomic.Bool            // shutting down: nothing is cleaned up any more
	abandons chan *fsm.Leave
	delayed  atomic.Int64 // clean-ups that begin after a while

	removal removal

	failure  chan error // the first error that the node cannot go on after
	failOnce sync.Once

	// mu guards the rest.
	mu      sync.Mutex
	self    storage.Identity
	peers   map[string]fsm.Node          // what this node knows of others, by ID: the newest word wins
	proofs  map[string]struct{}          // addresses that are being dialled back
	clients map[string]*transport.Client // by ID
	leader  string                       // the leader's ID as last seen
	changed chan struct{}                // closed when the way to the leader changes
}

// New opens the data directory, checks it and prepares a node that Run starts.
// It returns an error that says what to do where the data cannot be trusted.
func New(cfg Config) (*Node, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, log: cfg.Log, origin: time.Now(), calls: leader.NewCaller(randomUint64()),
		rounds:   leader.NewRounds(),
		finder:   discovery.New(discovery.Config{Join: cfg.Join, Resolver: cfg.Resolver, Dial: cfg.Dial, Log: cfg.Log}),
		abandons: make(chan *fsm.Leave, maxAbandons),
		failure:  make(chan error, 1),
		peers:    make(map[string]fsm.Node),
		proofs:   make(map[string]struct{}),
		clients:  make(map[string]*transport.Client),
		changed:  make(chan struct{}),
	}
	n.metrics = newMetrics(cfg.Registerer, n)
	var err error
	n.store, err = storage.Open(storage.Options{Dir: cfg.Dir, Create: true, Disk: cfg.Disk, Fail: n.fail, Log: n.log})
	if err != nil {
		return nil, err
	}
	if n.self, err = n.store.LoadIdentity(cfg.Name); err == nil {
		err = errors.Join(n.store.UndoHalfBootstrap(n.self), n.openRaft())
	}
	if err != nil {
		return nil, errors.Join(err, n.store.Close())
	}
	return n, nil
}

func (n *Node) openRaft() error {
	n.replica = &replica{now: n.now, watchers: n.cfg.Watchers, fail: n.fail, state: leader.NewReplica()}
	n.stream = newStream(idAddr(n.self.ID()), n.dial)
	n.transport = newRaftTransport(n.stream, n.rounds, n.acked, n.stalled, &n.cfg)
	stores, log, err := n.store.ForRaft(n.cfg.logCache())
	if err != nil {
		return err
	}
	n.raft, err = raft.NewRaft(n.cfg.raft(n.self.ID()), n.replica, log, stores, n.store.Snapshots, n.transport)
	if err != nil {
		return fmt.Errorf("starting Raft from %s: %w", n.cfg.Dir, err)
	}
	stores.Started()
	n.transport.raft.Store(n.raft)
	n.server = transport.NewServer(transport.ServerConfig{
		Listener: n.cfg.Listener, Version: fsm.EntryVersion, Admit: n.admit, Member: n.isMember, Raft: n.stream.take, Handle: n.handle, Log: n.log,
	})
	return nil
}

// now returns the time since this node began, on its monotonic clock.
func (n *Node) now() time.Duration { return time.Since(n.origin) }

// fail stops the node: it cannot go on safely.
func (n *Node) fail(err error) {
	n.failOnce.Do(func() {
		n.log.Error("this node stops", "err", err)
		n.failure <- err
	})
}

// Run serves until ctx ends, then hands leadership over and closes everything.
// It returns nil at a clean end, and the error that stopped the node otherwise.
func (n *Node) Run(ctx context.Context) error {
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	observed := n.observe()
	jobs, running := errgroup.WithContext(serving)
	jobs.Go(func() error { return n.server.Run(running) })
	jobs.Go(func() error { return n.lead(running) })
	jobs.Go(func() error { return n.follow(running, observed) })
	jobs.Go(func() error { return n.transport.believe(running) })
	jobs.Go(func() error { return n.transport.commits.run(running) })
	jobs.Go(func() error { return n.cleanUp(running) })
	jobs.Go(func() error { return n.enter(running) })
	jobs.Go(func() error { return n.catchUp(running) })

	var failed error
	select {
	case <-ctx.Done():
		n.leaving.Store(true)
		n.handOver()
	case failed = <-n.failure:
		n.leaving.Store(true) // who waits is told at once, and need not be waited for
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

// stop closes Raft and then what it stands on. A hung disk may keep Raft from
// ending; the process then ends without it.
func (n *Node) stop(jobs *errgroup.Group) error {
	down := make(chan error, 1)
	go func() { down <- n.raft.Shutdown().Error() }()
	n.stream.hangUp()
	var errs []error
	ended := false
	select {
	case err := <-down:
		ended = true
		errs = append(errs, err)
	case <-time.After(stopTimeout):
		errs = append(errs, errors.New("Raft did not end in time"))
	}
	n.stream.Close()
	errs = append(errs, ignoreCanceled(jobs.Wait()))
	n.mu.Lock()
	clients := slices.Collect(maps.Values(n.clients))
	n.mu.Unlock()
	for _, c := range clients {
		c.Close()
	}
	errs = append(errs, n.transport.Close())
	if ended { // else the disk hangs, and closing would wait for it
		errs = append(errs, n.store.Close())
	}
	return errors.Join(errs...)
}

// stallLimit is how long a write to the disk may take before a leader gives up:
// Raft's heartbeats run apart from its disk and would keep it leading for ever.
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

func (n *Node) identity() storage.Identity {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.self
}

// record returns this node's own record.
func (n *Node) record() fsm.Node {
	self := n.identity()
	return fsm.Node{
		ID: self.ID(), Name: self.Name, Peer: n.cfg.Peer, HTTP: n.cfg.HTTP, Version: fsm.EntryVersion, MaxState: n.cfg.MaxState,
	}
}

// Revision returns the revision of this node's machine.
func (n *Node) Revision() uint64 { return n.replica.revision.Load() }

// Hash returns a digest of this node's machine and the log index it stands at.
func (n *Node) Hash() (hash string, index uint64) {
	n.replica.mu.Lock()
	defer n.replica.mu.Unlock()
	return n.replica.state.Machine.Hash(), n.replica.state.Index
}
