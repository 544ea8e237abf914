package clients

import (
	"testing"

	"github.com/lockd/lockd/test/harness/nodes"
)

// TestClientsOfOneCluster runs tests at the same time, each in a namespace of its own, against one cluster.
func TestClientsOfOneCluster(t *testing.T) {
	t.Parallel()
	cluster := startThree(t)
	for _, test := range []struct {
		name string
		run  func(t *testing.T, cluster *nodes.Cluster, wire string)
		wire []string // empty: both
	}{
		{"election", testElection, nil},
		{"coordinated", testCoordinatedElection, nil},
		{"informer", testInformer, nil},
		{"lists", testLists, nil},
		{"watches", testWatches, nil},
		{"dynamic", testDynamic, []string{"json"}},
		{"writes", testWrites, nil},
		{"apply", testApply, nil},
		{"patches", testPatches, nil},
		{"events", testEvents, nil},
		{"managers", testManagers, []string{"json"}},
	} {
		wires := test.wire
		if wires == nil {
			wires = []string{"protobuf", "json"}
		}
		for _, wire := range wires {
			t.Run(test.name+"/"+wire, func(t *testing.T) {
				t.Parallel()
				test.run(t, cluster, map[string]string{"protobuf": protobuf, "json": jsonWire}[wire])
			})
		}
	}
}
