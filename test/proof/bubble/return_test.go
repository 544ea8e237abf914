package bubble

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A node that was cut off or stopped for a long time is back within a few heartbeats and reports that it is ready
// only then. An operator can therefore restart one node after the other without a pause.
func TestAbsentNodeIsReadyWithinHeartbeats(t *testing.T) {
	withThree(t, func(t *testing.T, c *cluster) {
		for _, away := range []time.Duration{time.Second, 15 * time.Second, 5 * time.Minute} {
			m := c.running()[0]
			if m == c.leader() {
				m = c.running()[1]
			}
			must(t, c.stop(m))
			time.Sleep(away)
			c.acquire(t, fmt.Sprintf("after.%s", away))
			must(t, c.start(m))
			back := time.Now()
			must(t, within(time.Minute, "the node is ready", func() error { return m.app.Node().Ready() }))
			must(t, within(time.Minute, "the replicas agree", c.agree))
			if took := time.Since(back); took > time.Second {
				t.Errorf("after an absence of %v, the node took %v to become ready", away, took)
			}
		}
	})
}

// withThree runs a test in a bubble with three ready nodes.
func withThree(t *testing.T, test func(t *testing.T, c *cluster)) {
	t.Helper()
	log, dir := logger(t), scratch(t)
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(dir, 3, func() time.Duration { return 0 }, log)
		defer c.close()
		for _, m := range c.members {
			must(t, c.start(m))
		}
		must(t, within(30*time.Second, "the cluster is ready", c.serves))
		test(t, c)
	})
}

// A node that is the only member does not wait for a heartbeat, neither when it is new nor when it is started again.
func TestNodeAloneLeadsAtOnce(t *testing.T) {
	log, dir := logger(t), scratch(t)
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(dir, 1, func() time.Duration { return 0 }, log)
		defer c.close()
		m := c.members[0]
		m.cfg.HeartbeatTimeout = 10 * time.Second
		for range 2 {
			must(t, c.start(m))
			must(t, within(time.Second, "the node leads", c.serves))
			must(t, c.stop(m))
		}
	})
}

// acquire acquires a free lease.
func (c *cluster) acquire(t *testing.T, name string) {
	t.Helper()
	way := c.transport()
	defer way.CloseIdleConnections()
	client := http.Client{Transport: way, Timeout: 5 * time.Second}
	resp, err := client.Post(fmt.Sprintf("http://%s/v1/leases/%s/acquire", c.leader().cfg.HTTPAddr, name),
		"application/json", strings.NewReader(`{"holder":"h"}`))
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s: %s", name, resp.Status)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
