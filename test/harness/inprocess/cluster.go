package inprocess

import (
	"fmt"
	"testing"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/test/harness/nodes"
)

// A Cluster is a set of nodes in this process.
type Cluster struct {
	Nodes []*Node
	Log   *nodes.Log // of all of them

	t *testing.T
}

// NewCluster returns a cluster without nodes.
func NewCluster(t *testing.T) *Cluster {
	t.Helper()
	t.TempDir() // created first, so removed last: after the nodes have stopped
	c := &Cluster{t: t, Log: &nodes.Log{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the nodes' log:\n%s", c.Log.Tail())
		}
	})
	return c
}

// Start starts count nodes as one cluster and waits until all are ready. join is the list of addresses for discovery;
// if it is empty, the nodes use their own addresses.
func Start(t *testing.T, count int, tune func(*app.Config), join ...string) *Cluster {
	t.Helper()
	c := NewCluster(t)
	for i := range count {
		c.Add(fmt.Sprintf("n%d", i), tune)
	}
	if len(join) == 0 {
		join = c.Peers()
	}
	for _, n := range c.Nodes {
		if count > 1 {
			n.Config.BootstrapExpect, n.Config.Join = count, join
		}
		n.Start()
	}
	c.WaitReady()
	return c
}

// Add prepares one more node and does not start it.
func (c *Cluster) Add(name string, tune func(*app.Config)) *Node {
	c.t.Helper()
	n := New(c.t, name, c.Log, tune)
	c.Nodes = append(c.Nodes, n)
	return n
}

// Addresses returns the HTTP addresses of all nodes.
func (c *Cluster) Addresses() (all []string) {
	for _, n := range c.Nodes {
		all = append(all, n.Config.HTTPAddr)
	}
	return all
}

// Peers returns the peer addresses of all nodes, for discovery.
func (c *Cluster) Peers() (all []string) {
	for _, n := range c.Nodes {
		all = append(all, n.Config.PeerAddr)
	}
	return all
}

// Running returns the running nodes.
func (c *Cluster) Running() (up []*Node) {
	for _, n := range c.Nodes {
		if n.App != nil {
			up = append(up, n)
		}
	}
	return up
}

// WaitReady waits until every running node is ready.
func (c *Cluster) WaitReady() {
	c.t.Helper()
	for _, n := range c.Running() {
		n.WaitReady()
	}
}

// Leader waits until all running nodes agree on a leader, and returns it.
func (c *Cluster) Leader() *Node {
	c.t.Helper()
	var found *Node
	nodes.Eventually(c.t, "the nodes agree on a leader", func() bool {
		found = nil
		for _, n := range c.Running() {
			if n.App.Node().Status().State == "leader" && n.App.Node().Ready() == nil {
				found = n
			}
		}
		for _, n := range c.Running() {
			if found == nil || n.App.Node().LeaderName() != found.Name {
				return false
			}
		}
		return true
	})
	return found
}

// Follower returns a node that is not the leader.
func (c *Cluster) Follower() *Node {
	c.t.Helper()
	leader := c.Leader()
	for _, n := range c.Running() {
		if n != leader {
			return n
		}
	}
	c.t.Fatal("there is no follower")
	return nil
}

// Agree waits until the state machines of all running nodes have the same hash.
func (c *Cluster) Agree() {
	c.t.Helper()
	nodes.Eventually(c.t, "the replicas agree", func() bool {
		first, _ := c.Running()[0].App.Node().Hash()
		for _, n := range c.Running()[1:] {
			if hash, _ := n.App.Node().Hash(); hash != first {
				return false
			}
		}
		return true
	})
}
