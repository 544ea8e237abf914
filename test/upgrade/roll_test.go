package upgrade

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	alice = "alice-session-0001"
	carol = "carol-session-0001"
)

// TestRollForwardBackAndForward takes three nodes from one version to the next
// under load: the leader first, back again, then the followers and the leader
// last. No lease is lost, and nothing is written that a member cannot read.
func TestRollForwardBackAndForward(t *testing.T) {
	before, after := built(t, present), built(t, next)
	var nodes []*node
	var join []string
	for i := range 3 {
		// Snapshots come often, so that they are made and sent while versions differ.
		n := newNode(t, fmt.Sprint("n", i), t.TempDir(),
			"--snapshot-threshold", "40", "--snapshot-interval", "100ms", "--trailing-logs", "20")
		nodes, join = append(nodes, n), append(join, n.http)
	}
	for _, n := range nodes {
		n.flags = append(n.flags, "--bootstrap-expect", "3", "--join", strings.Join(join, ","))
		n.begin(before)
	}
	eventually(t, "all are ready", func() bool {
		for _, n := range nodes {
			if n.get("/readyz").status != http.StatusOK {
				return false
			}
		}
		return true
	})
	c := &mixed{t: t, nodes: nodes}
	l := startLoad(t, nodes...)

	first := c.leader()
	c.exchange(first, after, 2)
	c.writesTheOld(first)
	c.sendsSnapshotsThatAreRead(first, before)
	c.exchange(first, before, 1)

	last := c.leader()
	for _, n := range nodes {
		if n != last {
			c.exchange(n, after, 2)
			c.writesTheOld(n)
		}
	}
	c.exchange(last, after, 2)
	c.writesTheNew()
	l.finish()
	c.refusesTheOld(before, after, join)
}

// mixed is a cluster of nodes of two versions.
type mixed struct {
	t     *testing.T
	nodes []*node
}

func (c *mixed) leader() (found *node) {
	c.t.Helper()
	eventually(c.t, "the nodes agree on a leader", func() bool {
		found = nil
		for _, n := range c.nodes {
			name := n.get("/v1/cluster").text("leader")
			for _, o := range c.nodes {
				if o.name == name && (found == nil || found == o) {
					found = o
				} else if o.name == name {
					return false
				}
			}
		}
		return found != nil && found.metric("lockd_is_leader") == 1
	})
	return found
}

// exchange does what an operator does with one node, and looks at what an
// operator is told to look at before the next.
func (c *mixed) exchange(n *node, binary string, reads int) {
	c.t.Helper()
	began := time.Now()
	n.stop()
	n.start(binary)
	eventually(c.t, fmt.Sprintf("%s is on record with version %d", n.name, reads), func() bool {
		for _, o := range c.nodes {
			if o.reads()[n.name] != reads {
				return false
			}
		}
		return true
	})
	c.t.Logf("%s reads %d, after %v", n.name, reads, time.Since(began).Round(time.Millisecond))
}

// writesTheOld: while versions differ nobody writes the newer one, and what needs
// it is refused with nothing applied, whoever is asked for it and whoever leads.
func (c *mixed) writesTheOld(newer *node) {
	c.t.Helper()
	for _, leader := range []*node{newer, c.older(newer)} {
		c.leads(leader)
		eventually(c.t, "a note is refused while versions differ and "+leader.name+" leads", func() bool {
			a := newer.post("/v1/leases/noted/acquire", in{"holder": "a", "session": alice, "note": "n"})
			if a.status/100 == 2 {
				c.t.Fatalf("a note while versions differ, with %s leading: %s", leader.name, a.raw)
			}
			// A connection that broke while leadership moved leaves it unknown: ask again.
			return a.status == http.StatusServiceUnavailable && a.body["definitive"] == true
		})
		for _, n := range c.nodes {
			if a := n.post("/v1/leases/plain/acquire", in{"holder": "a", "session": alice}); a.status/100 != 2 {
				c.t.Errorf("what both versions know: %d %s %v", a.status, a.raw, a.err)
			}
			if v := n.metric("lockd_entry_version"); v != 1 {
				c.t.Errorf("while versions differ, %s says that entries are of version %v", n.name, v)
			}
		}
	}
	if a := c.nodes[0].get("/v1/leases/noted"); a.text("state") != "free" {
		c.t.Errorf("what was refused is there: %s", a.raw)
	}
}

func (c *mixed) older(than *node) *node {
	reads := than.reads()
	for _, n := range c.nodes {
		if reads[n.name] < reads[than.name] {
			return n
		}
	}
	c.t.Fatal("no node is older")
	return nil
}

func (c *mixed) leads(n *node) {
	c.t.Helper()
	eventually(c.t, n.name+" leads", func() bool {
		if n.metric("lockd_is_leader") == 1 && c.leader() == n {
			return true
		}
		n.post("/v1/cluster/transfer-leader", in{"to": n.name}) // one that is refused is asked for again
		return false
	})
}

// sendsSnapshotsThatAreRead: a leader of the newer version sends its snapshot to a
// node of the older one, which missed more than the log still has.
func (c *mixed) sendsSnapshotsThatAreRead(newer *node, binary string) {
	c.t.Helper()
	c.leads(newer)
	older := c.older(newer)
	older.stop()
	// The second cut of the leader's log since then surely takes what the other one lacks.
	from, last := len(newer.log.String()), 0
	for ; strings.Count(newer.log.String()[from:], "compacting logs") < 2; last++ {
		if last == 5_000 {
			c.t.Fatalf("%s never cut its log", newer.name)
		}
		newer.post(fmt.Sprintf("/v1/leases/many:%d/acquire", last+1), in{"holder": "a", "session": carol, "ttl_ms": 600_000}).want(c.t, 201)
	}
	from = len(older.log.String())
	older.start(binary)
	eventually(c.t, older.name+" has what it missed", func() bool {
		return older.get(fmt.Sprintf("/v1/leases/many:%d?stale=true", last)).text("state") == "held"
	})
	eventually(c.t, older.name+" was sent a snapshot", func() bool {
		return strings.Contains(older.log.String()[from:], "nstalled remote snapshot")
	})
}

// writesTheNew: once all members read the newer version, it is written, and what
// comes with it is known to all.
func (c *mixed) writesTheNew() {
	c.t.Helper()
	c.nodes[0].post("/v1/leases/noted/acquire", in{"holder": "a", "session": alice, "note": "n", "ttl_ms": 600_000}).want(c.t, 201)
	for _, n := range c.nodes {
		eventually(c.t, n.name+" has the note", func() bool {
			return strings.Contains(n.get("/v1/leases/noted?stale=true").raw, `"note":"n"`)
		})
		if v := n.metric("lockd_entry_version"); v != 2 {
			c.t.Errorf("all are of the newer version, and %s says that entries are of version %v", n.name, v)
		}
	}
}

// refusesTheOld: there is no way back from then on. A node of the older version
// says so and harms nothing, and one that comes anew is not taken in.
func (c *mixed) refusesTheOld(before, after string, join []string) {
	c.t.Helper()
	n := c.nodes[1]
	n.stop()
	code, said := n.fails(before)
	if code == 0 || !strings.Contains(said, "written by a newer lockd; run that version") {
		c.t.Errorf("exit %d: %s", code, said)
	}
	n.start(after)
	eventually(c.t, n.name+" has what it had before the older version was tried", func() bool {
		return strings.Contains(n.get("/v1/leases/noted?stale=true").raw, `"note":"n"`)
	})

	d := newNode(c.t, "n9", c.t.TempDir(), "--join", strings.Join(join, ","))
	d.begin(before)
	eventually(c.t, "the newcomer is told why it is not taken in", func() bool {
		return strings.Contains(d.log.String(), "reads up to 1: start it with a newer one")
	})
	if _, member := c.nodes[0].reads()["n9"]; member {
		c.t.Error("a node was taken in that cannot read the log")
	}
	d.end(9)
}
