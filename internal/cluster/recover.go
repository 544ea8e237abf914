package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
	"github.com/lockd/lockd/internal/storage"
)

// Recovery says how a cluster that lost its quorum goes on from one node.
type Recovery struct {
	Dir        string
	Quarantine fsm.Millis // nothing is granted for so long; negative: the longest TTL that this node knows to have been granted
	Now        time.Time  // the operator's wall clock: tokens jump past it
	Log        *slog.Logger
}

// Recovered says what Recover did.
type Recovered struct {
	Node       string
	Members    []string // the configuration that was given up
	Revision   uint64   // from which tokens go on
	Quarantine fsm.Millis
}

// Recover rewrites a stopped node's data so that it alone is the cluster. Every
// entry in its log counts as committed, including those that never were; what
// only the lost nodes knew is lost. So tokens jump ahead of all that may have
// been given, and nothing is granted until holders of whom this node knows
// nothing are past their time.
func Recover(cfg Recovery) (Recovered, error) {
	var failed error
	fail := func(err error) { failed = errors.Join(failed, err) }
	s, err := storage.Open(storage.Options{Dir: cfg.Dir, Fail: fail, Log: cfg.Log})
	if err != nil {
		return Recovered{}, err
	}
	done, err := rewrite(s, cfg, fail)
	return done, errors.Join(err, failed, s.Close())
}

func rewrite(s *storage.Store, cfg Recovery, fail func(error)) (done Recovered, err error) {
	self, err := s.LoadIdentity("")
	if err != nil {
		return done, err
	}
	done.Node = self.Name
	machine := &replica{
		now: func() time.Duration { return 0 }, watchers: nobody{}, fail: fail, state: leader.NewReplica(),
	}
	rc := (&Config{Heartbeat: DefaultHeartbeat, SnapshotInterval: time.Hour, SnapshotThreshold: 1 << 30,
		TrailingLogs: 0, Log: cfg.Log}).raft(self.ID())
	_, transport := raft.NewInmemTransport(raft.ServerAddress(self.ID()))
	configuration, err := raft.GetConfiguration(rc, machine, s.Log, s.Stable, s.Snapshots, transport)
	if err != nil {
		return done, fmt.Errorf("reading the configuration: %w", err)
	}
	var address raft.ServerAddress
	for _, server := range configuration.Servers {
		done.Members = append(done.Members, string(server.ID))
		if string(server.ID) == self.ID() {
			address = server.Address
		}
	}
	if address == "" {
		address = raft.ServerAddress(net.JoinHostPort("127.0.0.1", "7401"))
	}
	// A new identity of the cluster: old members, should one start after all, are
	// refused, and cannot roll this node back.
	self.Cluster, self.Forming = newClusterID(), nil
	if err := s.SaveIdentity(self); err != nil {
		return done, err
	}
	second := &secondLife{replica: machine, cfg: cfg, done: &done}
	alone := raft.Configuration{Servers: []raft.Server{
		{Suffrage: raft.Voter, ID: raft.ServerID(self.ID()), Address: address},
	}}
	machine.state.Machine = fsm.New()
	if err := raft.RecoverCluster(rc, second, s.Log, s.Stable, s.Snapshots, transport, alone); err != nil {
		return done, fmt.Errorf("recovering: %w", err)
	}
	return done, nil
}

// secondLife is the replica while it is being recovered: the snapshot that Raft
// takes of it, and that the cluster goes on from, begins the second life.
type secondLife struct {
	*replica
	cfg  Recovery
	done *Recovered
}

func (s *secondLife) Snapshot() (raft.FSMSnapshot, error) {
	m := s.state.Machine
	quarantine := s.cfg.Quarantine
	if quarantine < 0 {
		quarantine = m.Longest()
	}
	m.Apply(0, &fsm.Entry{
		Stamp: m.Now(), Wall: s.cfg.Now.UnixMilli(),
		Commands: []fsm.Command{&fsm.Recover{Floor: uint64(s.cfg.Now.Unix()) << 20, Quarantine: quarantine}},
	})
	s.done.Revision, s.done.Quarantine = m.Revision(), quarantine
	return s.replica.Snapshot()
}

// nobody watches.
type nobody struct{}

func (nobody) Publish([]*fsm.Event, uint64)       {}
func (nobody) Reset([]*fsm.Event, uint64, uint64) {}
