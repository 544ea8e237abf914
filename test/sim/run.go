package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/lockd/lockd/test/linear"
)

// A Report is what came of a run.
type Report struct {
	Config  Config
	Stats   Stats
	Broken  string // the first rule that did not hold, or ""
	Faults  []Fault
	History linear.History
}

// settleTime is how long a run goes on after everything is mended: longer than
// any TTL, with what a failover adds.
const settleTime = 5 * time.Minute

// Run plays a seed.
func Run(cfg Config) Report {
	w := newWorld(cfg)
	w.schedule()
	w.lookForLeader()
	w.run(w.cfg.Length)
	w.mend()
	w.run(w.now + settleTime)
	w.atRest()
	w.stats.Simulated = w.now
	return Report{Config: w.cfg, Stats: w.stats, Broken: w.truth.broken, Faults: w.faults, History: w.history}
}

// mend ends every fault for good, and lets clients come to an end.
func (w *world) mend() {
	w.closing = true
	w.net = newNetwork(len(w.nodes))
	for _, n := range w.nodes {
		n.hangs = 1 // however many faults hang it
		n.unhang()
		n.stops = 0
		if n.up && n.paused {
			n.resume()
		}
		if n.down = 0; !n.up {
			n.start()
		}
	}
	for _, c := range w.clients {
		c.resume()
	}
	w.lookForLeader()
}

// atRest checks a cluster that has been left alone for long: everything is free,
// nobody waits, and all machines are the same.
func (w *world) atRest() {
	if w.truth.broken != "" {
		return
	}
	first := w.nodes[0].replica.Machine.Hash()
	for _, n := range w.nodes {
		if n.replica.Index != w.nodes[0].replica.Index || n.replica.Machine.Hash() != first {
			w.breaks("in the end node %d is at entry %d and node 0 at %d, or their machines differ", n.id, n.replica.Index, w.nodes[0].replica.Index)
		}
	}
	for i := range w.cfg.Names {
		l := w.nodes[0].replica.Machine.Lease(leaseName(i))
		if len(l.Holds)+len(l.Queue)+len(l.Cooldowns) > 0 {
			w.breaks("in the end %s has %d holders and %d waiters, who are long silent", l.Name, len(l.Holds), len(l.Queue))
		}
	}
	for _, n := range w.nodes {
		if len(n.calls) > 0 {
			w.breaks("in the end node %d still has %d calls open", n.id, len(n.calls))
		}
		if h := n.serving; h != nil && h.term.Pending() > 0 {
			w.breaks("in the end the leader still has %d waits, checks and entries open", h.term.Pending())
		}
	}
}

// Shrink leaves out faults as long as the run still breaks a rule, and returns the
// numbers of those that it needs.
func Shrink(cfg Config) []int {
	return shrink(withDefaults(cfg), func(only []int) bool {
		c := cfg
		c.Only = only
		return Run(c).Broken != ""
	})
}

// mostTries bounds how long a run is shrunk.
const mostTries = 150

func shrink(cfg Config, fails func(only []int) bool) []int {
	keep := []int{}
	for _, f := range plan(cfg) {
		keep = append(keep, f.Number)
	}
	tries := 0
	for chunk := len(keep); chunk > 0; chunk /= 2 {
		for from := 0; from < len(keep) && tries < mostTries; tries++ {
			without := slices.Delete(slices.Clone(keep), from, min(from+chunk, len(keep)))
			if fails(without) {
				keep = without
			} else {
				from += chunk
			}
		}
	}
	return keep
}

func withDefaults(cfg Config) Config {
	cfg.setDefaults()
	return cfg
}

func name(id int) string { return fmt.Sprintf("n%d", id) }

// names returns the voters' IDs.
func (w *world) names() []string { return w.voters }
