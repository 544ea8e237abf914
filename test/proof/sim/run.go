package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/lockd/lockd/test/history/linear"
)

// A Report is the result of a run.
type Report struct {
	Config  Config
	Stats   Stats
	Broken  string // the first broken rule, or ""
	Faults  []Fault
	History linear.History
}

// settleTime is how long a run continues after all faults have ended: longer than any TTL plus a failover.
const settleTime = 5 * time.Minute

// Run runs a seed.
func Run(cfg Config) Report {
	w := newWorld(cfg)
	w.schedule()
	w.lookForLeader()
	w.run(w.cfg.Length)
	w.healAll()
	w.run(w.now + settleTime)
	w.atRest()
	w.stats.Simulated = w.now
	return Report{Config: w.cfg, Stats: w.stats, Broken: w.truth.broken, Faults: w.faults, History: w.history}
}

// healAll ends all faults, and lets clients finish.
func (w *world) healAll() {
	w.closing = true
	w.net = newNetwork(len(w.nodes))
	for _, n := range w.nodes {
		n.hangs = 1 // ends all hangs of the disk at once
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

// atRest checks a cluster without faults and clients: all leases are free, there are no waiters, and all state
// machines are equal.
func (w *world) atRest() {
	if w.truth.broken != "" {
		return
	}
	first := w.nodes[0].replica.Machine.Hash()
	for _, n := range w.nodes {
		n.written(n.replica.Machine.Snapshot())
		if n.replica.Index != w.nodes[0].replica.Index || n.replica.Machine.Hash() != first {
			w.breaks("at the end node %d is at entry %d and node 0 at %d, or their states differ", n.id, n.replica.Index, w.nodes[0].replica.Index)
		}
	}
	for i := range w.cfg.Names {
		l := w.nodes[0].replica.Machine.Lease(leaseName(i))
		if len(l.Holds)+len(l.Queue)+len(l.Cooldowns) > 0 {
			w.breaks("at the end %s has %d holders and %d waiters, which send no requests", l.Name, len(l.Holds), len(l.Queue))
		}
	}
	for _, n := range w.nodes {
		if len(n.calls) > 0 {
			w.breaks("at the end node %d still has %d calls open", n.id, len(n.calls))
		}
		if h := n.serving; h != nil && h.term.Pending() > 0 {
			w.breaks("at the end the leader still has %d waits, checks and entries open", h.term.Pending())
		}
	}
}

// Shrink removes faults while the run still breaks a rule, and returns the indexes of the remaining ones.
func Shrink(cfg Config) []int {
	return shrink(withDefaults(cfg), func(only []int) bool {
		c := cfg
		c.Only = only
		return Run(c).Broken != ""
	})
}

// mostTries is the maximum number of runs of Shrink.
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

// names returns the IDs of the voters.
func (w *world) names() []string { return w.voters }
