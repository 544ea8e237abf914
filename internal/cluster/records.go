package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// recordPause is how often a node looks whether its record is right.
const recordPause = 250 * time.Millisecond

// propose puts a command of this node's own into the log and waits for it.
func (t *term) propose(c fsm.Command) (fsm.Reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), membershipTimeout)
	defer cancel()
	arrival := t.n.now()
	return await(ctx, func(respond func(fsm.Reply, error)) { t.leader.Submit(c, arrival, respond) })
}

// setNode writes a member's record, if it differs. The budget of the state is bound
// by voters only: a newcomer must not stop the cluster by what it states.
func (t *term) setNode(node fsm.Node) error {
	if t.leader.Version() < 2 || !slices.Contains(t.n.raft.voters(), node.ID) {
		node.MaxState = 0 // version 1 has no form for it
	}
	if known, ok := t.n.recordOf(node.ID); ok && known == node {
		return nil
	}
	c := &fsm.SetNode{Node: node}
	if err := c.Validate(); err != nil {
		return &fsm.Refused{Reason: err.Error()}
	}
	r, err := t.propose(c)
	if err == nil && !r.Code.OK() {
		return &fsm.Refused{Reason: fmt.Sprintf("the record was refused: %v", r.Code)}
	}
	return err
}

func (n *Node) recordOf(id string) (node fsm.Node, ok bool) {
	n.replica.view(func(m *fsm.Machine) {
		for _, o := range m.Nodes() {
			if o.ID == id {
				node, ok = o, true
			}
		}
	})
	return node, ok
}

// keepRecords is the leader's job of keeping the cluster's name, its own record
// and the version that every member reads.
func (t *term) keepRecords(ctx context.Context) error {
	ticker := time.NewTicker(recordPause)
	defer ticker.Stop()
	for {
		var cluster string
		t.n.replica.view(func(m *fsm.Machine) { cluster = m.ClusterID() })
		if cluster == "" {
			if _, err := t.propose(&fsm.InitCluster{ClusterID: t.n.self.identity().Cluster}); err != nil {
				t.n.log.Debug("the cluster's name was not written", "err", err)
			}
		}
		if err := t.setNode(t.n.self.record()); err != nil {
			t.n.log.Debug("this node's record was not written", "err", err)
		}
		t.agreeOnVersion()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
