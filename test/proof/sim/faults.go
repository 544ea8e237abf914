package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// A Fault starts, and ends after a while.
type Fault struct {
	Number int
	At     time.Duration
	For    time.Duration
	Kind   string
	Node   int // or index of the client
	Other  int
}

func (f Fault) String() string {
	return fmt.Sprintf("#%d at %v for %v: %s %d %d", f.Number, f.At.Round(time.Millisecond), f.For.Round(time.Millisecond), f.Kind, f.Node, f.Other)
}

// kind has the duration and the weight of a kind of fault.
type kind struct {
	name        string
	weight      int
	least, most time.Duration
	begin, end  func(w *world, f Fault)
}

func kinds() []kind {
	const ms, s = time.Millisecond, time.Second
	one := func(do func(n *node)) func(*world, Fault) {
		return func(w *world, f Fault) { do(w.nodes[f.Node]) }
	}
	cut := func(by int, pairs func(w *world, f Fault, cut func(from, to int))) func(*world, Fault) {
		return func(w *world, f Fault) {
			pairs(w, f, func(from, to int) { w.net.cut[from][to] += by })
			w.lookForLeader()
		}
	}
	isolated := func(in, out bool) func(*world, Fault, func(from, to int)) {
		return func(w *world, f Fault, cut func(from, to int)) {
			for _, o := range w.nodes {
				if o.id == f.Node {
					continue
				}
				if in {
					cut(o.id, f.Node)
				}
				if out {
					cut(f.Node, o.id)
				}
			}
		}
	}
	edge := func(_ *world, f Fault, cut func(from, to int)) {
		if f.Node != f.Other {
			cut(f.Node, f.Other)
			cut(f.Other, f.Node)
		}
	}
	half := func(w *world, f Fault, cut func(from, to int)) {
		for i := range w.nodes {
			for j := range w.nodes {
				if (i < f.Node) != (j < f.Node) {
					cut(i, j)
				}
			}
		}
	}
	all := []kind{
		{"crash", 3, 50 * ms, 10 * s, one((*node).crashed), one((*node).started)},
		{"crash all", 1, 50 * ms, 5 * s, everyNode((*node).crashed), everyNode((*node).started)},
		{"pause", 5, 20 * ms, 20 * s, one((*node).stopped), one((*node).continued)},
		{"pause all", 1, 20 * ms, 5 * s, everyNode((*node).stopped), everyNode((*node).continued)},
		{"isolate", 3, 100 * ms, 12 * s, cut(1, isolated(true, true)), cut(-1, isolated(true, true))},
		{"cut in", 2, 100 * ms, 12 * s, cut(1, isolated(true, false)), cut(-1, isolated(true, false))},
		{"cut out", 2, 100 * ms, 12 * s, cut(1, isolated(false, true)), cut(-1, isolated(false, true))},
		{"cut edge", 2, 100 * ms, 12 * s, cut(1, edge), cut(-1, edge)},
		{"split", 2, 100 * ms, 12 * s, cut(1, half), cut(-1, half)},
		{"loss", 2, s, 10 * s, func(w *world, _ Fault) { w.net.loss = 0.2 }, func(w *world, _ Fault) { w.net.loss = 0 }},
		{"slow", 2, s, 8 * s, func(w *world, _ Fault) { w.net.slow = true }, func(w *world, _ Fault) { w.net.slow = false }},
		{"disk hangs", 3, 200 * ms, 8 * s, one((*node).hang), one((*node).unhang)},
		{"half vote", 3, 20 * ms, 2 * s, (*world).halfVote, nil},
		{"flood", 1, 0, 0, (*world).flood, nil},
		{"election", 6, 0, 0, func(w *world, f Fault) { w.elect(w.nodes[f.Node]) }, nil},
		{"client pause", 4, 100 * ms, 20 * s,
			func(w *world, f Fault) { w.clients[f.Other%len(w.clients)].paused = true },
			func(w *world, f Fault) { w.clients[f.Other%len(w.clients)].resume() }},
	}
	return all
}

// floodSize is the number of acquires in a flood: more than a node accepts.
const floodSize = 1_100

// flood sends a node more acquires at once than it accepts. Each is for its own lease and has enough meta to fill
// entries. All holds expire at the same time.
func (w *world) flood(f Fault) {
	n := w.nodes[f.Node]
	if !w.floods || !n.up || n.paused {
		return
	}
	meta := strings.Repeat("m", fsm.MaxMetaBytes/8)
	for i := range floodSize {
		of := fmt.Sprintf("flood-%d", i)
		label := fmt.Sprintf("%s-%d", of, f.Number)
		n.do(&fsm.Acquire{
			Sender: fsm.Sender{Caller: w.operator.caller(n, principal(i), w.operator.tokens[principal(i)])},
			Name:   of, Holder: label, Session: secretOf(label), TTL: 1_000, Limit: 1, Meta: meta,
		}, fsm.Query{}, 0, func(fsm.Reply, error) {})
	}
}

func everyNode(do func(*node)) func(*world, Fault) {
	return func(w *world, _ Fault) {
		for _, n := range w.nodes {
			do(n)
		}
	}
}

func (n *node) crashed() {
	n.down++
	if n.up {
		n.crash()
	}
}

func (n *node) started() {
	if n.down--; n.down == 0 && !n.up {
		n.w.stats.Restarts++
		n.start()
		n.paused = n.stops > 0
	}
}

func (n *node) stopped() {
	n.stops++
	if n.up && !n.paused {
		n.pause()
	}
}

func (n *node) continued() {
	if n.stops--; n.stops == 0 && n.up && n.paused {
		n.resume()
	}
}

// hang makes a disk hang. A leader that notices steps down and stops acting as leader.
func (n *node) hang() {
	n.hangs++
	n.after(time.Second, func() {
		if n.hangs == 0 || n.role != leading {
			return
		}
		n.mute = true
		if n.serving != nil {
			n.serving.end()
		}
		n.w.lookForLeader()
	})
}

func (n *node) unhang() {
	if n.hangs--; n.hangs == 0 {
		n.mute = false
		n.run(n.boot, func() { n.after(100*time.Millisecond, n.lead) })
	}
}

// plan draws the faults of a run. It has its own random source, so that the other faults remain the same if some are
// left out.
func plan(cfg Config) []Fault {
	rng := rand.New(rand.NewPCG(cfg.Seed, 2))
	var wheel []kind
	for _, k := range kinds() {
		for range k.weight {
			wheel = append(wheel, k)
		}
	}
	var faults []Fault
	for i := range cfg.Faults {
		k := wheel[rng.IntN(len(wheel))]
		// Short faults are more likely.
		share := rng.Float64()
		f := Fault{
			Number: i, Kind: k.name,
			At:   time.Duration(rng.Int64N(int64(cfg.Length))),
			For:  k.least + time.Duration(float64(k.most-k.least)*share*share),
			Node: rng.IntN(cfg.Nodes), Other: rng.IntN(max(cfg.Nodes, cfg.Clients)),
		}
		if k.name == "cut edge" {
			f.Other %= cfg.Nodes
		}
		if cfg.Only == nil || slices.Contains(cfg.Only, i) {
			faults = append(faults, f)
		}
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return faults
}

// schedule schedules all faults.
func (w *world) schedule() {
	byName := make(map[string]kind)
	for _, k := range kinds() {
		byName[k.name] = k
	}
	for _, f := range w.faults {
		k := byName[f.Kind]
		w.events.push(f.At, func() {
			w.stats.Faults++
			w.stats.Kinds[f.Kind]++
			w.digest(uint64(f.Number))
			w.trace("", "%v", f)
			w.truth.disturb(f.At + f.For + felt)
			k.begin(w, f)
		})
		if k.end != nil {
			w.events.push(f.At+f.For, func() {
				if !w.closing { // otherwise all faults have already ended
					k.end(w, f)
				}
			})
		}
	}
}

// felt is how long a fault may have an effect after its end: a message may be that late.
const felt = 30 * time.Second
