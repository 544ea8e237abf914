package app_test

import (
	"testing"

	"github.com/lockd/lockd/test/inside"
	"github.com/lockd/lockd/test/nodes"
)

// The leader tells how long ago it heard of each member; another node leaves out
// what it cannot tell.
func TestTheLeaderTellsOfAllMembers(t *testing.T) {
	c := inside.Start(t, 3, nil)
	told := func(m *inside.Node) (known int) {
		all, _ := m.Get("/v1/cluster").Body["nodes"].([]any)
		for _, n := range all {
			if ms, ok := n.(map[string]any)["last_contact_ms"].(float64); ok && ms < 5_000 {
				known++
			}
		}
		return known
	}
	nodes.Eventually(t, "the leader tells of three", func() bool { return told(c.Leader()) == 3 })
	nodes.Eventually(t, "a follower tells of itself and of the leader", func() bool { return told(c.Follower()) == 2 })
}
