package clients

import "testing"

// TestClientsOfOneCluster runs tests at the same time, each in a namespace of its own, against one cluster.
func TestClientsOfOneCluster(t *testing.T) {
	t.Parallel()
	cluster := startThree(t)
	for _, wire := range []struct{ name, contentType string }{{"protobuf", protobuf}, {"json", jsonWire}} {
		t.Run("election/"+wire.name, func(t *testing.T) {
			t.Parallel()
			testElection(t, cluster, wire.contentType)
		})
		t.Run("coordinated/"+wire.name, func(t *testing.T) {
			t.Parallel()
			testCoordinatedElection(t, cluster, wire.contentType)
		})
	}
}
