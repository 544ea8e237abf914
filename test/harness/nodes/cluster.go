package nodes

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A Cluster is a cluster of three nodes.
type Cluster struct {
	Nodes []*Node
	t     *testing.T
}

// StartThree starts three nodes and waits until all are ready.
func StartThree(t *testing.T, flags ...string) *Cluster {
	t.Helper()
	return StartThreeWith(t, func(*Node) {}, flags...)
}

// StartThreeWith is StartThree, and calls prepare with each node before it starts.
func StartThreeWith(t *testing.T, prepare func(*Node), flags ...string) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	var join []string
	for i := range 3 {
		n := New(t, fmt.Sprintf("n%d", i), slices.Clone(flags)...)
		prepare(n)
		c.Nodes = append(c.Nodes, n)
		join = append(join, n.Peer)
	}
	for _, n := range c.Nodes {
		n.Flags = append(n.Flags, "--bootstrap-expect", "3", "--join", strings.Join(join, ","))
		n.Start()
	}
	for _, n := range c.Nodes {
		n.WaitReady()
	}
	return c
}

// Addresses returns the HTTP addresses of all nodes.
func (c *Cluster) Addresses() (all []string) {
	for _, n := range c.Nodes {
		all = append(all, n.HTTP)
	}
	return all
}

// Leader waits until all nodes agree on a leader, and returns it.
func (c *Cluster) Leader() *Node {
	c.t.Helper()
	return LeaderAmong(c.t, c.Nodes...)
}

// Others returns all nodes except one.
func (c *Cluster) Others(than *Node) []*Node {
	var rest []*Node
	for _, n := range c.Nodes {
		if n != than {
			rest = append(rest, n)
		}
	}
	return rest
}

// LeaderAmong waits until the given nodes agree that one of them is the leader, and returns it.
func LeaderAmong(t *testing.T, among ...*Node) *Node {
	t.Helper()
	var found *Node
	Eventually(t, "the nodes agree on a leader", func() bool {
		found = nil
		for _, n := range among {
			s := n.Get("/v1/cluster")
			for _, o := range among {
				if o.Name == s.Text("leader") && (found == nil || found == o) {
					found = o
				} else if o.Name == s.Text("leader") {
					return false
				}
			}
			if found == nil || s.Text("leader") != found.Name {
				return false
			}
		}
		return found.Ready()
	})
	return found
}
