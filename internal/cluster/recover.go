package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/leader"
	"github.com/lockd/lockd/internal/storage"
)

// Recovery are the settings of Recover.
type Recovery struct {
	Dir        string
	Quarantine fsm.Millis // no lease is granted for so long; negative: the longest TTL that this node knows to have been granted
	Now        time.Time  // the operator's wall clock, from which the new tokens are derived
	Log        *slog.Logger
}

// Recovered is the result of Recover.
type Recovered struct {
	Node       string
	Members    []string // the former configuration
	Revision   uint64   // all new tokens are above it
	Quarantine fsm.Millis
}

// Recover rewrites a stopped node's data, so that this node is the only member of its
// cluster. All entries in its log count as committed; entries that only the lost nodes have
// are lost. Therefore new tokens are above all that may have been issued, and no lease is
// granted until holds that this node does not know have expired.
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
		known: newKnowledge(),
		now:   func() time.Duration { return 0 }, watchers: noWatchers{}, fail: fail, state: leader.NewReplica(),
	}
	never := Snapshots{SnapshotInterval: time.Hour, SnapshotThreshold: 1 << 30}
	rc := (&Config{Heartbeat: DefaultHeartbeat, Snapshots: never, Log: cfg.Log}).raft(self.ID())
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
	// A new cluster ID: a former member that starts again is refused, and cannot roll this
	// node back.
	self.Cluster, self.Forming = newClusterID(), nil
	if err := s.SaveIdentity(self); err != nil {
		return done, err
	}
	second := &recoveredFSM{replica: machine, cfg: cfg, done: &done}
	alone := raft.Configuration{Servers: []raft.Server{
		{Suffrage: raft.Voter, ID: raft.ServerID(self.ID()), Address: address},
	}}
	machine.state.Machine = fsm.New()
	if err := raft.RecoverCluster(rc, second, s.Log, s.Stable, s.Snapshots, transport, alone); err != nil {
		return done, fmt.Errorf("recovering: %w", err)
	}
	return done, nil
}

// recoveredFSM is the replica during a recovery. It applies the Recover command before Raft
// takes the snapshot from which the cluster continues.
type recoveredFSM struct {
	*replica
	cfg  Recovery
	done *Recovered
}

func (s *recoveredFSM) Snapshot() (raft.FSMSnapshot, error) {
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

// noWatchers ignores all events.
type noWatchers struct{}

func (noWatchers) Publish([]*fsm.Event, uint64) {}

func (noWatchers) PublishObjects([]*document.Change, uint64) {}

func (noWatchers) ResetObjects(uint64)                {}
func (noWatchers) Reset([]*fsm.Event, uint64, uint64) {}
