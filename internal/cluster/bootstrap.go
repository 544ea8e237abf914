package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/discovery"
	"github.com/lockd/lockd/internal/fsm"
)

// membership makes this node a member of a cluster and keeps it one.
type membership struct {
	n        *Node
	finder   *discovery.Finder
	missing  atomic.Pointer[string] // in no cluster yet: what is missing
	caughtUp atomic.Bool            // it has applied what was committed before it started
	removal  removal
}

// enter makes this node a member of the cluster in its data, of a new one, or of one that it
// joins. Afterwards it keeps its record current.
func (m *membership) enter(ctx context.Context) error {
	if m.n.raft.fresh() {
		if err := m.enterFresh(ctx); err != nil {
			return err
		}
	}
	if err := m.n.network.transport.ElectAlone(ctx, m.n.raft.id); err != nil && ctx.Err() == nil {
		m.n.log.Warn("the election begins after a heartbeat timeout", "err", err)
	}
	return m.introduce(ctx)
}

// enterFresh returns when this node has state, or when ctx ends.
func (m *membership) enterFresh(ctx context.Context) error {
	if m.n.cfg.bootstrapsAlone() {
		return m.bootstrap(ctx, []fsm.Node{m.n.self.record()}, newClusterID())
	}
	ticker := time.NewTicker(entryPause)
	defer ticker.Stop()
	for m.n.raft.fresh() {
		state, err := m.tryEnter(ctx)
		if err != nil {
			state = err.Error()
		}
		if last := m.missing.Swap(&state); last == nil || *last != state {
			m.n.log.Info("not in a cluster yet", "state", state)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return nil
}

// entryPause is how often a node that is in no cluster searches for other nodes.
const entryPause = 250 * time.Millisecond

// tryEnter searches once for other nodes. It joins a cluster that it finds, or forms one if
// all expected nodes are there. It returns what is still missing.
func (m *membership) tryEnter(ctx context.Context) (string, error) {
	found, wrong := m.finder.Find(ctx)
	self := m.n.self.identity()
	var others []discovery.Found
	for _, s := range found {
		switch {
		case s.Node.ID == self.ID():
		case s.Node.State != stateFresh && s.ClusterID != "":
			return m.tryJoin(ctx, s)
		default:
			others = append(others, s)
		}
	}
	state, err := "", error(nil)
	if m.n.cfg.BootstrapExpect <= 1 {
		state = fmt.Sprintf("waiting for a member among %s", strings.Join(m.n.cfg.Join, ", "))
	} else {
		state, err = m.tryForm(ctx, others)
	}
	if wrong != nil && err == nil {
		state += "; " + wrong.Error()
	}
	return state, err
}

const stateFresh = "fresh"

// formation is the bootstrap configuration: the cluster ID and the initial members.
type formation struct {
	Cluster string     `json:"cluster"`
	Nodes   []fsm.Node `json:"nodes"`
}

// tryForm forms a cluster when all expected nodes report fresh: the node with the lowest
// name sends one list and one cluster ID to the others, and bootstraps the cluster when all of
// them have accepted.
func (m *membership) tryForm(ctx context.Context, others []discovery.Found) (string, error) {
	self := m.n.self.identity()
	if self.Cluster != "" && len(self.Forming) == 0 {
		return "waiting for cluster " + self.Cluster + ", which this node has requested to join", nil
	}
	if len(self.Forming) > 0 && self.Forming[0].ID != self.ID() {
		return fmt.Sprintf("waiting for %s to begin cluster %s", self.Forming[0].Name, self.Cluster), nil
	}
	nodes := self.Forming
	if len(nodes) == 0 {
		nodes = []fsm.Node{m.n.self.record()}
		for _, o := range others {
			nodes = append(nodes, fsm.Node{
				ID: o.Node.ID, Name: o.Node.Name, Peer: o.Node.Peer, HTTP: o.Node.HTTP,
			})
		}
		slices.SortFunc(nodes, func(a, b fsm.Node) int { return cmp.Compare(a.Name, b.Name) })
		for i := range nodes[1:] {
			if nodes[i].Name == nodes[i+1].Name {
				return "", fmt.Errorf("two nodes have the name %q: give each its own --node-id", nodes[i].Name)
			}
		}
		if have, want := len(nodes), m.n.cfg.BootstrapExpect; have < want {
			return fmt.Sprintf("%d of the %d nodes that form the cluster are here", have, want), nil
		} else if have > want {
			return "", fmt.Errorf("%d nodes are here, but --bootstrap-expect is %d", have, want)
		}
		if nodes[0].ID != self.ID() {
			return fmt.Sprintf("waiting for %s to form the cluster", nodes[0].Name), nil
		}
		if err := m.n.self.pledge(newClusterID(), nodes); err != nil {
			return "", err
		}
		self = m.n.self.identity()
	}
	return "forming", m.form(ctx, formation{self.Cluster, nodes})
}

func (m *membership) form(ctx context.Context, f formation) error {
	for _, other := range f.Nodes[1:] {
		m.n.peers.learn(other)
		c := m.n.peers.newClient(other.ID)
		_, err := askJSON[struct{}](ctx, c, callForm, f)
		c.Close()
		if err != nil {
			return fmt.Errorf("%s did not accept the bootstrap configuration: %w", other.Name, err)
		}
	}
	return m.bootstrap(ctx, f.Nodes, f.Cluster)
}

// acceptForm accepts a bootstrap configuration. A node accepts one, and stores it before it
// answers.
func (m *membership) acceptForm(f formation) (struct{}, error) {
	self := m.n.self.identity()
	listed := slices.ContainsFunc(f.Nodes, func(o fsm.Node) bool { return o.ID == self.ID() })
	switch {
	case !m.n.raft.fresh() && self.Cluster == f.Cluster:
		return struct{}{}, nil // it has begun already
	case !m.n.raft.fresh():
		return struct{}{}, &fsm.Refused{Reason: "this node has the state of a cluster already"}
	case self.Cluster != "" && self.Cluster != f.Cluster:
		return struct{}{}, &fsm.Refused{Reason: "this node has agreed to form or join cluster " + self.Cluster}
	case !listed:
		return struct{}{}, &fsm.Refused{Reason: "this node is not on the list"}
	case len(f.Nodes) != m.n.cfg.BootstrapExpect:
		return struct{}{}, &fsm.Refused{Reason: fmt.Sprintf(
			"the list has %d nodes, and --bootstrap-expect here is %d", len(f.Nodes), m.n.cfg.BootstrapExpect)}
	}
	for _, o := range f.Nodes {
		m.n.peers.learn(o)
	}
	return struct{}{}, m.n.self.pledge(f.Cluster, f.Nodes)
}

// bootstrap writes the first configuration of a new cluster. One node does this.
func (m *membership) bootstrap(ctx context.Context, nodes []fsm.Node, cluster string) error {
	if err := m.n.self.pledge(cluster, nodes); err != nil {
		return err
	}
	var servers []raft.Server
	for _, o := range nodes {
		servers = append(servers, raft.Server{
			Suffrage: raft.Voter, ID: raft.ServerID(o.ID), Address: raft.ServerAddress(o.Peer),
		})
	}
	begun := make(chan error, 1)
	go func() { begun <- m.n.raft.BootstrapCluster(raft.Configuration{Servers: servers}).Error() }()
	var err error
	select {
	case err = <-begun:
	case <-ctx.Done(): // Raft does not answer if its disk fails meanwhile
		return ctx.Err()
	}
	if err != nil && (!errors.Is(err, raft.ErrCantBootstrap) || m.n.raft.fresh()) {
		return fmt.Errorf("beginning the cluster: %w", err)
	}
	m.n.log.Info("the cluster begins", "cluster", m.n.self.identity().Cluster, "nodes", len(nodes))
	return nil
}
