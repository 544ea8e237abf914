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

// enter makes this node a member: of the cluster that its data knows, of a new
// one, or of one that it asks to join. Afterwards it keeps its record right.
func (m *membership) enter(ctx context.Context) error {
	if m.n.raft.fresh() {
		if err := m.enterFresh(ctx); err != nil {
			return err
		}
	}
	return m.introduce(ctx)
}

// enterFresh returns when this node has state, or must not wait for it any longer.
func (m *membership) enterFresh(ctx context.Context) error {
	if m.n.cfg.foundsAlone() {
		return m.bootstrap(ctx, []fsm.Node{m.n.self.record()}, newClusterID())
	}
	ticker := time.NewTicker(entryPause)
	defer ticker.Stop()
	for m.n.raft.fresh() {
		state, err := m.tryEnter(ctx)
		if err != nil {
			state = err.Error()
		}
		if said := m.missing.Swap(&state); said == nil || *said != state {
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

// entryPause is how often a node that is in no cluster looks around.
const entryPause = 250 * time.Millisecond

// tryEnter looks around once: it joins a cluster that it finds, or forms one
// when all that were expected are there. It says what is still missing.
func (m *membership) tryEnter(ctx context.Context) (string, error) {
	found := m.finder.Find(ctx)
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
	if m.n.cfg.BootstrapExpect <= 1 {
		return fmt.Sprintf("waiting for a member among %s", strings.Join(m.n.cfg.Join, ", ")), nil
	}
	return m.tryForm(ctx, others)
}

const stateFresh = "fresh"

// formation is the list and the name of a cluster that is to be.
type formation struct {
	Cluster string     `json:"cluster"`
	Nodes   []fsm.Node `json:"nodes"`
}

// tryForm forms a cluster once all that were expected report fresh: the lowest
// name asks the others to promise themselves to one list and one cluster ID, and
// begins it only when every one of them has.
func (m *membership) tryForm(ctx context.Context, others []discovery.Found) (string, error) {
	self := m.n.self.identity()
	if self.Cluster != "" && len(self.Forming) == 0 {
		return "waiting for cluster " + self.Cluster + ", which this node has asked to join", nil
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
				return "", fmt.Errorf("two nodes call themselves %q: give each its own --node-id", nodes[i].Name)
			}
		}
		if have, want := len(nodes), m.n.cfg.BootstrapExpect; have < want {
			return fmt.Sprintf("%d of the %d nodes that form the cluster are here", have, want), nil
		} else if have > want {
			return "", fmt.Errorf("%d nodes are here, but --bootstrap-expect says %d", have, want)
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
			return fmt.Errorf("%s has not promised itself to the new cluster: %w", other.Name, err)
		}
	}
	return m.bootstrap(ctx, f.Nodes, f.Cluster)
}

// acceptForm is the other side: a node promises itself once, on disk, to one
// list and one ID.
func (m *membership) acceptForm(f formation) (struct{}, error) {
	self := m.n.self.identity()
	listed := slices.ContainsFunc(f.Nodes, func(o fsm.Node) bool { return o.ID == self.ID() })
	switch {
	case !m.n.raft.fresh() && self.Cluster == f.Cluster:
		return struct{}{}, nil // it has begun already
	case !m.n.raft.fresh():
		return struct{}{}, &fsm.Refused{Reason: "this node has a cluster's state already"}
	case self.Cluster != "" && self.Cluster != f.Cluster:
		return struct{}{}, &fsm.Refused{Reason: "this node has promised itself to cluster " + self.Cluster}
	case !listed:
		return struct{}{}, &fsm.Refused{Reason: "this node is not on the list"}
	case len(f.Nodes) != m.n.cfg.BootstrapExpect:
		return struct{}{}, &fsm.Refused{Reason: fmt.Sprintf(
			"the list has %d nodes, and --bootstrap-expect here says %d", len(f.Nodes), m.n.cfg.BootstrapExpect)}
	}
	for _, o := range f.Nodes {
		m.n.peers.learn(o)
	}
	return struct{}{}, m.n.self.pledge(f.Cluster, f.Nodes)
}

// bootstrap writes the first configuration of a new cluster; one node does.
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
	case <-ctx.Done(): // a Raft whose disk fails meanwhile never answers
		return ctx.Err()
	}
	if err != nil && (!errors.Is(err, raft.ErrCantBootstrap) || m.n.raft.fresh()) {
		return fmt.Errorf("beginning the cluster: %w", err)
	}
	m.n.log.Info("the cluster begins", "cluster", m.n.self.identity().Cluster, "nodes", len(nodes))
	return nil
}
