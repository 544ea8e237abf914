package nodes

import (
	"fmt"
	"strings"
	"testing"
)

// A Cluster is three nodes.
type Cluster struct {
	Nodes []*Node
	t     *testing.T
}

// StartThree runs three nodes, and waits until all of them serve.
func StartThree(t *testing.T, flags ...string) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	var join []string
	for i := range 3 {
		n := New(t, fmt.Sprintf("n%d", i), flags...)
		c.Nodes = append(c.Nodes, n)
		join = append(join, n.HTTP)
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

// Addresses returns where clients are served.
func (c *Cluster) Addresses() (all []string) {
	for _, n := range c.Nodes {
		all = append(all, n.HTTP)
	}
	return all
}

// Leader returns the node that all of them agree leads.
func (c *Cluster) Leader() *Node {
	c.t.Helper()
	return LeaderAmong(c.t, c.Nodes...)
}

// Others returns the nodes but one.
func (c *Cluster) Others(than *Node) []*Node {
	var rest []*Node
	for _, n := range c.Nodes {
		if n != than {
			rest = append(rest, n)
		}
	}
	return rest
}

// LeaderAmong returns the node that the given ones agree leads.
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
