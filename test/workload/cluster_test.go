package workload_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/test/nodes"
)

// member is one node of a test's cluster, running or not.
type member struct {
	cfg    app.Config
	app    *app.App
	cancel context.CancelFunc
	done   chan error
}

// cluster is three nodes in this process.
type cluster struct {
	t       *testing.T
	members []*member
}

func startCluster(t *testing.T, tune func(*app.Config)) *cluster {
	t.Helper()
	t.TempDir() // asked for first, it is removed last: after the nodes have ended
	c := &cluster{t: t}
	t.Cleanup(c.close)
	var join []string
	for i := range 3 {
		cfg := app.Config{
			NodeID: fmt.Sprintf("n%d", i), DataDir: t.TempDir(), HTTPAddr: nodes.FreeAddress(t), PeerAddr: nodes.FreeAddress(t),
			BootstrapExpect: 3, HeartbeatTimeout: 300 * time.Millisecond, DrainTimeout: time.Second,
		}
		if tune != nil {
			tune(&cfg)
		}
		join = append(join, cfg.HTTPAddr)
		c.members = append(c.members, &member{cfg: cfg})
	}
	for _, m := range c.members {
		m.cfg.Join = join
		c.start(m)
	}
	for _, m := range c.members {
		nodes.Eventually(t, m.cfg.NodeID+" is ready", m.ready)
	}
	return c
}

func (c *cluster) start(m *member) {
	c.t.Helper()
	a, err := app.New(m.cfg)
	if err != nil {
		c.t.Fatalf("starting %s: %v", m.cfg.NodeID, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.app, m.cancel, m.done = a, cancel, make(chan error, 1)
	go func() { m.done <- a.Run(ctx) }()
}

// stop ends a node as SIGTERM would.
func (c *cluster) stop(m *member) {
	c.t.Helper()
	if m.app == nil {
		return
	}
	m.cancel()
	select {
	case err := <-m.done:
		if err != nil {
			c.t.Errorf("%s did not end cleanly: %v", m.cfg.NodeID, err)
		}
	case <-time.After(nodes.Patience):
		c.t.Errorf("%s did not end", m.cfg.NodeID)
	}
	m.app = nil
}

func (c *cluster) close() {
	for _, m := range c.members {
		c.stop(m)
	}
}

func (m *member) ready() bool {
	resp, err := http.Get("http://" + m.cfg.HTTPAddr + "/readyz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// leader waits until one node leads and serves.
func (c *cluster) leader() *member {
	c.t.Helper()
	var found *member
	nodes.Eventually(c.t, "somebody leads", func() bool {
		for _, m := range c.members {
			if m.app != nil && m.app.Node().Status().State == "leader" && m.app.Node().Ready() == nil {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

func (c *cluster) follower() *member {
	c.t.Helper()
	leader := c.leader()
	for _, m := range c.members {
		if m.app != nil && m != leader {
			return m
		}
	}
	c.t.Fatal("there is no follower")
	return nil
}

// handOver moves leadership to another node, whichever Raft finds.
func (c *cluster) handOver() {
	c.t.Helper()
	from := c.leader()
	nodes.Eventually(c.t, "leadership moves", func() bool {
		resp, err := http.Post("http://"+from.cfg.HTTPAddr+"/v1/cluster/transfer-leader", "application/json", nil)
		if err == nil {
			resp.Body.Close()
		}
		return c.leader() != from
	})
}

func (c *cluster) urls() []string {
	var all []string
	for _, m := range c.members {
		all = append(all, "http://"+m.cfg.HTTPAddr)
	}
	return all
}
