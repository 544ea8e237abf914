package app_test

import "testing"

// The leader tells how long ago it heard of each member; another node leaves out
// what it cannot tell.
func TestTheLeaderTellsOfAllMembers(t *testing.T) {
	c := startCluster(t, 3, nil)
	told := func(m *member) (known int) {
		nodes, _ := m.get("/v1/cluster").body["nodes"].([]any)
		for _, n := range nodes {
			if ms, ok := n.(map[string]any)["last_contact_ms"].(float64); ok && ms < 5_000 {
				known++
			}
		}
		return known
	}
	eventually(t, "the leader tells of three", func() bool { return told(c.leader()) == 3 })
	eventually(t, "a follower tells of itself and of the leader", func() bool { return told(c.follower()) == 2 })
}
