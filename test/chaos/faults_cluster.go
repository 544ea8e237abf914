package chaos

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

func clusterKinds() []kind {
	alone := []string{theCluster}
	return []kind{
		{name: "transfer", area: onCluster, targets: alone, make: newTransfer},
		{name: "replace", area: onCluster, targets: alone, make: newReplace},
	}
}

// A transfer hands leadership to another node.
type transfer struct {
	w        *world
	from, to string
}

func newTransfer(w *world, _ victims, _ Step) fault { return &transfer{w: w} }

func (t *transfer) inject() error {
	leader, err := t.w.leader()
	if err != nil {
		return err
	}
	t.from, t.to = leader.name, without(t.w.nodes, leader)[0].name
	return leader.control.post("/v1/cluster/transfer-leader", map[string]string{"to": t.to}, nil)
}

func (t *transfer) heal() error { return nil }

func (t *transfer) bitten() (string, error) {
	leader, err := t.w.leader()
	if err != nil {
		return "", err
	}
	if leader.name != t.to {
		return "", fmt.Errorf("%s leads, and not %s", leader.name, t.to)
	}
	return t.from + " handed over to " + t.to, nil
}

// A replacement is a node that comes back with nothing, under its old name.
type replace struct {
	w        *world
	node     *node
	old, new string // ids
}

func newReplace(w *world, _ victims, _ Step) fault { return &replace{w: w} }

func (r *replace) inject() error {
	leader, err := r.w.leader()
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
	return r.w.await("the replaced node is ready", readyAfterStart, r.node.control.ready)
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
	return "", fmt.Errorf("%s knows no member %s", asked.name, name)
}

func (r *replace) heal() (err error) {
	r.new, err = memberID(r.node, r.node.name)
	return err
}

func (r *replace) bitten() (string, error) {
	if r.old == r.new {
		return "", errors.New("the node is the member that it was")
	}
	return r.old + " became " + r.new, nil
}
