package chaos

import (
	"fmt"
	"strings"
	"time"
)

// A fault is one thing that goes wrong, once.
type fault interface {
	// inject makes it happen.
	inject() error
	// heal ends it. It is called once, whatever inject returned.
	heal() error
	// bitten is asked after heal, and says what showed that the fault took effect.
	// Where nothing did, that is an error.
	bitten() (evidence string, err error)
}

// A patient fault can tell before heal whether it has taken effect. One that another
// fault keeps from that, as a dead process does a narrow link, lasts until it has.
type patient interface{ biting() (bool, error) }

// bitesWithin bounds that.
const bitesWithin = 10 * time.Second

// A timed fault also tells how long the node took to do what it must.
type timed interface{ took() time.Duration }

// An area is what a fault takes hold of: two faults of one area never hit one machine
// at the same time.
type area string

const (
	onProcess area = "process" // with its disk
	onNetwork area = "network"
	onCluster area = "cluster" // alone: nothing else goes wrong meanwhile
	onClient  area = "client"
	onLog     area = "log"
	onNoise   area = "noise"
)

// The targets of a step. A node's name is a target, too.
const (
	theLeader  = "leader"
	aFollower  = "follower"
	allNodes   = "all"
	oneClient  = "client"
	theCluster = "cluster"
)

// A kind of fault.
type kind struct {
	name    string
	area    area
	needs   []capability
	targets []string
	amounts []int // what Step.Amount may be; what it means is the kind's own
	nodes   int   // the smallest cluster that it makes sense in; 0: any
	// shortest and longest bound how long it lasts; 0: it ends by itself.
	shortest, longest time.Duration
	make              func(w *world, v victims, s Step) fault
}

// victims are whom a step hits.
type victims struct {
	nodes []*node
	crowd *crowd
}

// one is the node that is hit, where it is one.
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
	return kind{}, fmt.Errorf("there is no kind of fault %q", name)
}

// possible says whether the machine and the size of the cluster allow it.
func (k kind) possible(can capabilities, nodes int) bool {
	for _, need := range k.needs {
		if !can.has(need) {
			return false
		}
	}
	return nodes >= k.nodes
}

// readyAfterStart is how long a node may take to serve once it is started.
const readyAfterStart = 30 * time.Second
