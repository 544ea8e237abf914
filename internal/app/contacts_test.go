package app_test

import (
	"testing"

	"github.com/lockd/lockd/test/harness/inprocess"
	"github.com/lockd/lockd/test/harness/nodes"
)

// TestLeaderReportsLastContactOfAllMembers: the leader reports the last contact of every member. Another node omits it
// for members that it has no contact with.
func TestLeaderReportsLastContactOfAllMembers(t *testing.T) {
	c := inprocess.Start(t, 3, nil)
	contacts := func(m *inprocess.Node) (known int) {
		all, _ := m.Get("/v1/cluster").Body["nodes"].([]any)
		for _, n := range all {
			if ms, ok := n.(map[string]any)["last_contact_ms"].(float64); ok && ms < 5_000 {
				known++
			}
		}
		return known
	}
	nodes.Eventually(t, "the leader reports three members", func() bool { return contacts(c.Leader()) == 3 })
	nodes.Eventually(t, "a follower reports itself and the leader", func() bool { return contacts(c.Follower()) == 2 })
}
