package cluster

import (
	"testing"
	"time"
)

// contactsOf returns what a node says of when members were heard of, by name.
func contactsOf(n *testNode) map[string]*time.Duration {
	all := make(map[string]*time.Duration)
	for _, m := range n.Status().Members {
		all[m.Name] = m.LastContact
	}
	return all
}

// A leader tells who has fallen silent; another node knows that only of its leader.
func TestAMemberThatFallsSilentIsSeen(t *testing.T) {
	nodes := startNodes(t, 3)
	leader := leaderAmong(t, nodes...)
	rest := without(nodes, leader)
	silent, lives := rest[0], rest[1]
	name := func(n *testNode) string { return n.self.identity().Name }
	recent := func(d *time.Duration) bool { return d != nil && *d < time.Second }
	eventually(t, "the leader has heard of all", func() bool {
		c := contactsOf(leader)
		return recent(c[name(silent)]) && recent(c[name(lives)]) && recent(c[name(leader)])
	})

	silent.stop()
	<-silent.done
	silent.done <- nil // for whoever ends all nodes
	eventually(t, "the leader misses the one that ended, and not the other", func() bool {
		c := contactsOf(leader)
		return c[name(silent)] != nil && *c[name(silent)] > 500*time.Millisecond && *c[name(lives)] < 500*time.Millisecond
	})

	// The next leader has never heard of it, and knows for how long.
	if err := leader.TransferLeader(t.Context(), name(lives)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the next leader misses it, too", func() bool {
		c := contactsOf(lives)
		return c[name(silent)] != nil && *c[name(silent)] > 500*time.Millisecond && recent(c[name(leader)])
	})
	eventually(t, "the former leader tells of the new one only", func() bool {
		c := contactsOf(leader)
		return c[name(silent)] == nil && recent(c[name(leader)]) && recent(c[name(lives)])
	})
}
