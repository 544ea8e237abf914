package upgrade

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/test/harness/nodes"
)

const (
	alice = "alice-session-0001"
	carol = "carol-session-0001"
)

// TestRollForwardBackAndForward upgrades three nodes under load: the leader first, back again, then the followers and
// the leader last. No lease is lost, and no entry is written that a member cannot read.
func TestRollForwardBackAndForward(t *testing.T) {
	before, after := built(t, present), built(t, next)
	var three []*nodes.Node
	var join []string
	for i := range 3 {
		// Snapshots are frequent, so that they are taken and sent while versions differ.
		n := nodes.New(t, fmt.Sprint("n", i), "--request-timeout", "1s",
			"--snapshot-threshold", "40", "--snapshot-interval", "100ms", "--trailing-logs", "20")
		three, join = append(three, n), append(join, n.Peer)
	}
	for _, n := range three {
		n.Flags = append(n.Flags, "--bootstrap-expect", "3", "--join", strings.Join(join, ","))
		n.Program = before
		n.Start()
	}
	for _, n := range three {
		n.WaitReady()
	}
	c := &mixed{t: t, nodes: three}
	l := startLoad(t, three...)

	first := c.leader()
	c.exchange(first, after, fsm.EntryVersion+1)
	c.writesTheOld(first)
	c.sendsSnapshotsThatAreRead(first, before)
	c.exchange(first, before, fsm.EntryVersion)

	last := c.leader()
	for _, n := range three {
		if n != last {
			c.exchange(n, after, fsm.EntryVersion+1)
			c.writesTheOld(n)
		}
	}
	c.exchange(last, after, fsm.EntryVersion+1)
	c.writesTheNew()
	l.finish()
	c.refusesTheOld(before, after, join)
}

// mixed is a cluster whose nodes have two versions.
type mixed struct {
	t     *testing.T
	nodes []*nodes.Node
}

func (c *mixed) leader() *nodes.Node {
	c.t.Helper()
	return nodes.LeaderAmong(c.t, c.nodes...)
}

// exchange replaces one node as an operator does, and makes the checks that the documentation asks for before the
// next node.
func (c *mixed) exchange(n *nodes.Node, binary string, reads int) {
	c.t.Helper()
	began := time.Now()
	n.Stop()
	n.Program = binary
	n.Start()
	n.WaitReady()
	nodes.Eventually(c.t, fmt.Sprintf("%s has the recorded version %d", n.Name, reads), func() bool {
		for _, o := range c.nodes {
			if versions(o)[n.Name] != reads {
				return false
			}
		}
		return true
	})
	c.t.Logf("%s reads %d, after %v", n.Name, reads, time.Since(began).Round(time.Millisecond))
}

// writesTheOld checks that no node writes the newer version while versions differ. What needs it is refused and not
// applied, at every node and with every leader.
func (c *mixed) writesTheOld(newer *nodes.Node) {
	c.t.Helper()
	for _, leader := range []*nodes.Node{newer, c.older(newer)} {
		c.leads(leader)
		nodes.Eventually(c.t, "a note is refused while versions differ and "+leader.Name+" leads", func() bool {
			a := newer.Post("/v1/leases/noted/acquire", nodes.In{"holder": "a", "session": alice, "note": "n"})
			if a.Status/100 == 2 {
				c.t.Fatalf("a note while versions differ, with %s leading: %s", leader.Name, a.Raw)
			}
			// If the connection broke while leadership moved, the outcome is unknown: retry.
			return a.Status == http.StatusServiceUnavailable && a.Body["definitive"] == true
		})
		for _, n := range c.nodes {
			if a := n.Post("/v1/leases/plain/acquire", nodes.In{"holder": "a", "session": alice}); a.Status/100 != 2 {
				c.t.Errorf("a request that both versions support: %d %s %v", a.Status, a.Raw, a.Err)
			}
			if v := n.Metric("lockd_entry_version"); v != fsm.EntryVersion {
				c.t.Errorf("while versions differ, %s reports entry version %v", n.Name, v)
			}
		}
	}
	if a := c.nodes[0].Get("/v1/leases/noted"); a.Text("state") != "free" {
		c.t.Errorf("the refused acquire was applied: %s", a.Raw)
	}
}

func (c *mixed) older(than *nodes.Node) *nodes.Node {
	known := versions(than)
	for _, n := range c.nodes {
		if known[n.Name] < known[than.Name] {
			return n
		}
	}
	c.t.Fatal("no node is older")
	return nil
}

func (c *mixed) leads(n *nodes.Node) {
	c.t.Helper()
	nodes.Eventually(c.t, n.Name+" leads", func() bool {
		if n.Metric("lockd_is_leader") == 1 && c.leader() == n {
			return true
		}
		n.Post("/v1/cluster/transfer-leader", nodes.In{"to": n.Name}) // the loop repeats a refused request
		return false
	})
}

// sendsSnapshotsThatAreRead checks that a node of the older version reads a snapshot from a leader of the newer one.
// The node missed more entries than the log still has.
func (c *mixed) sendsSnapshotsThatAreRead(newer *nodes.Node, binary string) {
	c.t.Helper()
	c.leads(newer)
	older := c.older(newer)
	older.Stop()
	// Each snapshot truncates the log. The second one since then removes what the other node lacks.
	from, last := len(newer.Log()), 0
	for ; strings.Count(newer.Log()[from:], "a snapshot was written") < 2; last++ {
		if last == 5_000 {
			c.t.Fatalf("%s did not truncate its log", newer.Name)
		}
		newer.Post(fmt.Sprintf("/v1/leases/many:%d/acquire", last+1), nodes.In{"holder": "a", "session": carol, "ttl_ms": 600_000}).Want(c.t, 201)
	}
	from = len(older.Log())
	older.Program = binary
	older.Start()
	older.WaitReady()
	nodes.Eventually(c.t, older.Name+" has caught up", func() bool {
		return older.Get(fmt.Sprintf("/v1/leases/many:%d?stale=true", last)).Text("state") == "held"
	})
	nodes.Eventually(c.t, older.Name+" was sent a snapshot", func() bool {
		return strings.Contains(older.Log()[from:], "a snapshot of the leader was installed")
	})
}

// writesTheNew checks that the newer version is written once all members read it, and that all nodes have the new
// data.
func (c *mixed) writesTheNew() {
	c.t.Helper()
	c.nodes[0].Post("/v1/leases/noted/acquire", nodes.In{"holder": "a", "session": alice, "note": "n", "ttl_ms": 600_000}).Want(c.t, 201)
	for _, n := range c.nodes {
		nodes.Eventually(c.t, n.Name+" has the note", func() bool {
			return strings.Contains(n.Get("/v1/leases/noted?stale=true").Raw, `"note":"n"`)
		})
		if v := n.Metric("lockd_entry_version"); v != fsm.EntryVersion+1 {
			c.t.Errorf("all nodes have the newer version, and %s reports entry version %v", n.Name, v)
		}
	}
}

// refusesTheOld checks that there is no way back after that. A node of the older version refuses to start and changes
// nothing, and a new node of the older version is not admitted.
func (c *mixed) refusesTheOld(before, after string, join []string) {
	c.t.Helper()
	n := c.nodes[1]
	n.Stop()
	n.Program = before
	code, output := n.Fails()
	if code == 0 || !strings.Contains(output, "written by a newer lockd; run that version") {
		c.t.Errorf("exit %d: %s", code, output)
	}
	n.Program = after
	n.Start()
	n.WaitReady()
	nodes.Eventually(c.t, n.Name+" has the data from before the older version was started", func() bool {
		return strings.Contains(n.Get("/v1/leases/noted?stale=true").Raw, `"note":"n"`)
	})

	d := nodes.New(c.t, "n9", "--join", strings.Join(join, ","))
	d.Program = before
	d.Start()
	nodes.Eventually(c.t, "the new node logs why it is not admitted", func() bool {
		return strings.Contains(d.Log(), fmt.Sprintf("reads up to %d: start it with a newer one", fsm.EntryVersion))
	})
	if _, member := versions(c.nodes[0])["n9"]; member {
		c.t.Error("a node that cannot read the log was admitted")
	}
}

// versions returns the recorded version of each node, as reported by n.
func versions(n *nodes.Node) map[string]int {
	var s struct {
		Nodes []struct {
			Name    string
			Version int
		}
	}
	_ = json.Unmarshal([]byte(n.Get("/v1/cluster").Raw), &s) // a missing node has no record
	all := make(map[string]int)
	for _, o := range s.Nodes {
		all[o.Name] = o.Version
	}
	return all
}
