package api

import (
	"context"
	"net/http"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/fsm"
)

func getCluster(c *call) {
	s := c.s.cfg.Cluster.Status()
	if s.Nodes == nil {
		s.Nodes = []Member{}
	}
	wanted := c.query.Bool("reports")
	if c.misread() {
		return
	}
	if wanted {
		ctx, cancel := c.deadline(0)
		defer cancel()
		reports := c.s.cfg.Cluster.Reports(ctx)
		for i, m := range s.Nodes {
			if r, ok := reports[m.ID]; ok {
				s.Nodes[i].Report = &r
			}
		}
	}
	c.json(http.StatusOK, s.Revision, s)
}

// changeCluster runs do, which changes the cluster, and answers with the new state of the cluster. It logs the change with the
// message what.
func changeCluster(c *call, what, node string, do func(ctx context.Context) error) {
	ctx, cancel := c.deadline(0)
	defer cancel()
	err := do(ctx)
	c.record(what, err == nil, "target", node)
	if !c.failed(err, problems.Of) {
		getCluster(c)
	}
}

func removeNode(c *call) {
	var id string
	if !c.decode(form.Members{Required: []string{"id"}}, func(d *form.Decoder, field string) bool {
		if field == "id" {
			id = d.Visible(field, 2*fsm.MaxNodeBytes)
		}
		return field == "id"
	}) {
		return
	}
	if wrong := (&fsm.RemoveNode{ID: id}).Validate(); c.failed(wrong, problems.Of) {
		return
	}
	changeCluster(c, "a node is removed by an operator", id, func(ctx context.Context) error { return c.s.cfg.Cluster.Remove(ctx, id) })
}

func transferLeader(c *call) {
	var to string
	if !c.decodeOptional(form.Members{Optional: []string{"to"}}, func(d *form.Decoder, field string) bool {
		if field == "to" {
			to = d.Visible(field, 2*fsm.MaxNodeBytes)
		}
		return field == "to"
	}) {
		return
	}
	changeCluster(c, "leadership is transferred by an operator", to, func(ctx context.Context) error { return c.s.cfg.Cluster.TransferLeader(ctx, to) })
}
