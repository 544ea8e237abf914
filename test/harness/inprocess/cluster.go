package inprocess

import (
	"fmt"
	"testing"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/test/harness/nodes"
)

// A Cluster is some nodes.
type Cluster struct {
	Nodes []*Node
	Log   *nodes.Log // of all of them

	t *testing.T
}

// NewCluster returns a cluster of no node yet.
func NewCluster(t *testing.T) *Cluster {
	t.Helper()
	t.TempDir() // asked for first, it is removed last: after the nodes have ended
	c := &Cluster{t: t, Log: &nodes.Log{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the nodes' log:\n%s", c.Log.Tail())
		}
	})
	return c
}

// Start runs so many nodes that form a cluster, and waits until all are ready. They
// look for one another where join says, else at their addresses.
func Start(t *testing.T, count int, tune func(*app.Config), join ...string) *Cluster {
	t.Helper()
	c := NewCluster(t)
	for i := range count {
		c.Add(fmt.Sprintf("n%d", i), tune)
	}
	if len(join) == 0 {
		join = c.Addresses()
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

// Add prepares a further node, which does not run yet.
func (c *Cluster) Add(name string, tune func(*app.Config)) *Node {
	c.t.Helper()
	n := New(c.t, name, c.Log, tune)
	c.Nodes = append(c.Nodes, n)
	return n
}

// Addresses returns where clients are served.
func (c *Cluster) Addresses() (all []string) {
	for _, n := range c.Nodes {
		all = append(all, n.Config.HTTPAddr)
	}
	return all
}

// Running returns the nodes that run.
func (c *Cluster) Running() (up []*Node) {
	for _, n := range c.Nodes {
		if n.App != nil {
			up = append(up, n)
		}
	}
	return up
}

// WaitReady waits until every node that runs serves.
func (c *Cluster) WaitReady() {
	c.t.Helper()
	for _, n := range c.Running() {
		n.WaitReady()
	}
}

// Leader returns the node that leads, when all that run agree on it.
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

// Follower returns a node that does not lead.
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

// Agree waits until every node that runs has the same machine, byte for byte.
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
