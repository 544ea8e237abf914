package chaos

import (
	"fmt"
	"strings"
	"time"
)

// A fault is one event that disturbs the cluster.
type fault interface {
	// inject starts the fault.
	inject() error
	// heal ends the fault. It is called once, even if inject returned an error.
	heal() error
	// effect is called after heal. It returns the evidence that the fault had an effect, or an error if it had none.
	effect() (evidence string, err error)
}

// A patient fault can report before heal whether it has had an effect. If another fault prevents the effect, as a
// dead process does for a narrow link, the fault lasts until it has had one.
type patient interface{ hasEffect() (bool, error) }

// effectWithin bounds that time.
const effectWithin = 10 * time.Second

// A timed fault also reports how long the node took to react.
type timed interface{ took() time.Duration }

// An area is what a fault changes. Two faults of one area never affect one machine at the same time.
type area string

const (
	onProcess area = "process" // and its disk
	onNetwork area = "network"
	onCluster area = "cluster" // exclusive: no other fault at the same time
	onClient  area = "client"
	onLog     area = "log"
	onNoise   area = "noise"
)

// Targets of a step. The name of a node is also a target.
const (
	theLeader  = "leader"
	aFollower  = "follower"
	allNodes   = "all"
	oneClient  = "client"
	theCluster = "cluster"
)

// A kind is a kind of fault.
type kind struct {
	name    string
	area    area
	needs   []capability
	targets []string
	amounts []int // possible values of Step.Amount; each kind defines their meaning
	nodes   int   // minimum size of the cluster; 0: any
	// shortest and longest bound its duration; 0: it ends by itself.
	shortest, longest time.Duration
	make              func(w *world, v victims, s Step) fault
}

// victims are the targets of a step.
type victims struct {
	nodes []*node
	crowd *crowd
}

// one returns the only node.
func (v victims) one() *node { return v.nodes[0] }

func (v victims) names() []string {
	var names []string
	if v.crowd != nil {
		names = append(names, v.crowd.name)
	}
	for _, n := range v.nodes {
		names = append(names, n.name)
	}
	return names
}

func (v victims) String() string { return strings.Join(v.names(), " ") }

// catalogue returns every kind of fault.
func catalogue() []kind {
	all := networkKinds()
	all = append(all, processKinds()...)
	all = append(all, diskKinds()...)
	all = append(all, dataKinds()...)
	all = append(all, noiseKinds()...)
	all = append(all, clusterKinds()...)
	return append(all, clientKinds()...)
}

func kindNamed(name string) (kind, error) {
	for _, k := range catalogue() {
		if k.name == name {
			return k, nil
		}
	}
	return kind{}, fmt.Errorf("unknown kind of fault %q", name)
}

// possible reports whether the machine and the size of the cluster allow it.
func (k kind) possible(can capabilities, nodes int) bool {
	for _, need := range k.needs {
		if !can.has(need) {
			return false
		}
	}
	return nodes >= k.nodes
}

// readyAfterStart is how long a started node may take to become ready.
const readyAfterStart = 30 * time.Second
