package api

import (
	"context"
	"net/http"

	"github.com/lockd/lockd/internal/fsm"
)

func getCluster(c *call) {
	s := c.s.cfg.Cluster.Status()
	if s.Nodes == nil {
		s.Nodes = []Member{}
	}
	c.json(http.StatusOK, s.Revision, s)
}

// change does something to the cluster, and answers with what it is then.
func (c *call) change(do func(ctx context.Context) error) {
	ctx, cancel := c.deadline(0)
	defer cancel()
	if !c.unless(do(ctx), kindOf) {
		getCluster(c)
	}
}

func joinCluster(c *call) {
	var n fsm.Node
	if !c.decode(func(d *decoder, field string) bool {
		switch field {
		case "id":
			n.ID = d.text(field)
		case "name":
			n.Name = d.text(field)
		case "peer":
			n.Peer = d.text(field)
		case "http":
			n.HTTP = d.text(field)
		default:
			return false
		}
		return true
	}) {
		return
	}
	if wrong := (&fsm.SetNode{Node: n}).Validate(); c.unless(wrong, kindOf) {
		return
	}
	c.change(func(ctx context.Context) error { return c.s.cfg.Cluster.Join(ctx, n) })
}

func removeNode(c *call) {
	var id string
	if !c.decode(func(d *decoder, field string) bool {
		if field == "id" {
			id = d.text(field)
		}
		return field == "id"
	}) {
		return
	}
	if wrong := (&fsm.RemoveNode{ID: id}).Validate(); c.unless(wrong, kindOf) {
		return
	}
	c.change(func(ctx context.Context) error { return c.s.cfg.Cluster.Remove(ctx, id) })
}

func transferLeader(c *call) {
	var to string
	given := false
	if !c.decodeOptional(func(d *decoder, field string) bool {
		if field == "to" {
			to, given = d.text(field), true
		}
		return field == "to"
	}) {
		return
	}
	if given && len(to) == 0 || len(to) > 2*fsm.MaxNodeBytes {
		c.wrong("to", "must be a node's id or name; leave it out for any other node")
		return
	}
	c.change(func(ctx context.Context) error { return c.s.cfg.Cluster.TransferLeader(ctx, to) })
}
