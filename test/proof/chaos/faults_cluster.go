package chaos

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

func clusterKinds() []kind {
	alone := []string{theCluster}
	return []kind{
		{name: "transfer", area: onCluster, targets: alone, make: newTransfer},
		{name: "replace", area: onCluster, targets: alone, make: newReplace},
		{name: "grow", area: onCluster, targets: alone, make: newGrow},
	}
}

// A transfer transfers leadership to another node.
type transfer struct {
	w        *world
	from, to string
}

func newTransfer(w *world, _ victims, _ Step) fault { return &transfer{w: w} }

func (t *transfer) inject() error {
	leader, err := t.w.awaitLeader()
	if err != nil {
		return err
	}
	t.from, t.to = leader.name, without(t.w.nodes, leader)[0].name
	return leader.control.post("/v1/cluster/transfer-leader", map[string]string{"to": t.to}, nil)
}

func (t *transfer) heal() error { return nil }

func (t *transfer) effect() (string, error) {
	leader, err := t.w.awaitLeader()
	if err != nil {
		return "", err
	}
	if leader.name != t.to {
		return "", fmt.Errorf("the leader is %s, want %s", leader.name, t.to)
	}
	return t.from + " transferred leadership to " + t.to, nil
}

// A replacement is a node that returns without data, with its old name.
type replace struct {
	w        *world
	node     *node
	old, new string // IDs
}

func newReplace(w *world, _ victims, _ Step) fault { return &replace{w: w} }

func (r *replace) inject() error {
	leader, err := r.w.awaitLeader()
	if err != nil {
		return err
	}
	r.node = without(r.w.nodes, leader)[0]
	if r.old, err = memberID(leader, r.node.name); err != nil {
		return err
	}
	if _, err := r.node.end(syscall.SIGKILL, 20*time.Second); err != nil {
		return err
	}
	if err := firstError(os.RemoveAll(r.node.data()), r.node.start()); err != nil {
		return err
	}
	return r.w.await("the new node is ready", readyAfterStart, r.node.control.ready)
}

func memberID(asked *node, name string) (string, error) {
	s, err := asked.control.status()
	if err != nil {
		return "", err
	}
	for _, m := range s.Nodes {
		if m.Name == name {
			return m.ID, nil
		}
	}
	return "", fmt.Errorf("%s has no member %s", asked.name, name)
}

func (r *replace) heal() (err error) {
	r.new, err = memberID(r.node, r.node.name)
	return err
}

func (r *replace) effect() (string, error) {
	if r.old == r.new {
		return "", errors.New("the node has its old member ID")
	}
	return r.old + " became " + r.new, nil
}

// A growth adds one node, makes it the leader, removes it while it leads, and stops it.
type growth struct {
	w           *world
	node        *node
	grown, rest int // voters with and without it
	ledBy       string
}

func newGrow(w *world, _ victims, _ Step) fault { return &growth{w: w} }

func (g *growth) inject() (err error) {
	if g.node, err = g.w.newNode(g.w.nextName()); err != nil {
		return err
	}
	n := g.node
	n.flags = append(n.flags, "--join", strings.Join(g.w.peers(), ","))
	if err := firstError(n.start(), g.w.await(n.name+" is ready", readyAfterStart, n.control.ready)); err != nil {
		return err
	}
	if g.grown, err = voters(n.control); err != nil {
		return err
	}
	return g.w.await(n.name+" leads", 15*time.Second, g.lead)
}

// lead makes the node the leader, or returns why it does not lead yet.
func (g *growth) lead() error {
	if err := g.w.nodes[0].control.post("/v1/cluster/transfer-leader", map[string]string{"to": g.node.name}, nil); err != nil {
		return err
	}
	s, err := g.node.control.status()
	if err == nil && s.Node.State != "leader" {
		err = fmt.Errorf("the node is a %s", s.Node.State)
	}
	g.ledBy = s.Leader
	return err
}

// heal removes the node, however far inject got.
func (g *growth) heal() error {
	if g.node == nil {
		return nil
	}
	err := g.w.await(g.node.name+" is not a member", readyAfterStart, g.leave)
	return errors.Join(err, g.node.kill(), g.node.disk.unmount())
}

func (g *growth) leave() error {
	one := g.w.nodes[0].control
	if _, err := memberID(g.w.nodes[0], g.node.name); err == nil {
		if err := one.post("/v1/cluster/remove", map[string]string{"id": g.node.name}, nil); err != nil {
			return err
		}
	}
	var err error
	if g.rest, err = voters(one); err == nil && g.rest != len(g.w.nodes) {
		err = fmt.Errorf("%d members have a vote", g.rest)
	}
	return err
}

func (g *growth) effect() (string, error) {
	if g.grown != len(g.w.nodes)+1 || g.ledBy != g.node.name || g.rest != len(g.w.nodes) {
		return "", fmt.Errorf("%d voters, leader %q, and %d voters after the removal", g.grown, g.ledBy, g.rest)
	}
	return fmt.Sprintf("%s joined, led and was removed", g.node.name), nil
}

// voters returns how many members have a vote according to a node.
func voters(c *control) (count int, err error) {
	s, err := c.status()
	for _, m := range s.Nodes {
		if m.Voter {
			count++
		}
	}
	return count, err
}
