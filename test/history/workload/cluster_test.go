package workload_test

import (
	"net/http"
	"testing"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/test/harness/inprocess"
	"github.com/lockd/lockd/test/harness/nodes"
)

// cluster is three nodes in this process.
type cluster struct {
	*inprocess.Cluster
	t *testing.T
}

func start(t *testing.T, tune func(*app.Config)) *cluster {
	t.Helper()
	return &cluster{inprocess.Start(t, 3, tune), t}
}

// handOver moves leadership to another node, chosen by Raft.
func (c *cluster) handOver() {
	c.t.Helper()
	from := c.Leader()
	nodes.Eventually(c.t, "leadership moves", func() bool {
		from.Do(http.MethodPost, "/v1/cluster/transfer-leader", nil) // the loop repeats a refused request
		return c.Leader() != from
	})
}

func (c *cluster) urls() []string {
	var all []string
	for _, n := range c.Nodes {
		all = append(all, n.URL(""))
	}
	return all
}
