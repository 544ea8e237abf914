package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/lockd/lockd/test/history/linear"
)

// Config configures a run. The zero value of each field means its default.
type Config struct {
	Seed    uint64
	Nodes   int           // 3
	Clients int           // 16
	Names   int           // 8
	Length  time.Duration // 1 h of simulated time, before all faults end
	Faults  int           // 170
	// Drift is the maximum drift of a clock, as a share: 0.0005. The guarantee allows a difference of a thousandth
	// between two clocks. With more drift, only the rules that need no clock are checked.
	Drift float64
	// Only, if not nil, keeps the faults with these indexes and no others.
	Only []int
	// TermFirst stores the term of a vote before its candidate, which is wrong.
	TermFirst bool
	// History records the history of the clients.
	History bool
	// Trace, if set, receives what happens to the lease with the name Traced.
	Trace  io.Writer
	Traced string
}

func (c *Config) setDefaults() {
	if c.Nodes == 0 {
		c.Nodes = 3
	}
	if c.Clients == 0 {
		c.Clients = 16
	}
	if c.Names == 0 {
		c.Names = 8
	}
	if c.Length == 0 {
		c.Length = time.Hour
	}
	if c.Faults == 0 {
		c.Faults = 170
	}
	if c.Drift == 0 {
		c.Drift = 0.0005
	}
}

// A world is one run.
type world struct {
	cfg     Config
	rng     *rand.Rand
	now     time.Duration // true time
	events  events
	nodes   []*node
	voters  []string // IDs of the nodes
	clients []*client
	truth   *truth
	net     network
	faults  []Fault
	looking bool // a check for a leader is scheduled
	old     bool // the nodes start with the previous version and are upgraded one by one
	floods  bool // the run has floods, which take long to simulate, so not every run has them
	closing bool // clients start nothing new
	stats   Stats
	history linear.History

	operator *operator // of principals and tokens
}

// Stats counts the events of a run.
type Stats struct {
	Ops, Acked, Unknown         int
	Faults, Elections, Restarts int
	Installs, Grants, Expiries  int
	Overloaded, Upgrades        int
	Guarded                     int // worlds with authentication
	Revocations, AccessRefused  int
	Foreign                     int // refused requests with the session of another principal
	Late                        int // calls that waited in a send queue because their link was cut
	Reads, Renewals, Refusals   int
	Entries, Events             int
	Simulated                   time.Duration
	LateMax                     time.Duration // of undisturbed expiries
	Digest                      uint64        // of all events: equal runs have equal digests
	Kinds                       map[string]int
}

func newWorld(cfg Config) *world {
	cfg.setDefaults()
	w := &world{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 1))}
	w.stats.Kinds = make(map[string]int)
	w.truth = newTruth(w)
	w.net = newNetwork(cfg.Nodes)
	if !cfg.History { // package linear supports no late copies, and floods take too long
		w.old, w.floods = w.chance(0.25), w.chance(0.15)
	}
	w.operator = newOperator(w)
	for i := range cfg.Nodes {
		w.nodes = append(w.nodes, newNode(w, i))
		w.voters = append(w.voters, name(i))
	}
	for i := range cfg.Clients {
		w.clients = append(w.clients, newClient(w, i))
	}
	w.faults = plan(cfg)
	return w
}

// after schedules an event by true time.
func (w *world) after(d time.Duration, do func()) { w.events.push(w.now+max(d, 0), do) }

// run runs all events up to a moment, or until a rule is broken.
func (w *world) run(until time.Duration) {
	for len(w.events.heap) > 0 && w.events.heap[0].at <= until && w.truth.broken == "" {
		e := w.events.pop()
		w.now = e.at
		w.stats.Events++
		e.do()
	}
	w.now = max(w.now, until)
}

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

// between draws a duration.
func (w *world) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.rng.Int64N(int64(most-least)+1))
}

// drift draws the rate of a clock.
func (w *world) drift() float64 { return 1 + w.cfg.Drift*(2*w.rng.Float64()-1) }

// digest adds values to the digest of the run.
func (w *world) digest(values ...uint64) {
	for _, v := range values {
		w.stats.Digest = (w.stats.Digest ^ v) * 1_099_511_628_211
	}
}

// trace writes what happens to a lease, or to all if of is empty.
func (w *world) trace(of, format string, args ...any) {
	if w.cfg.Trace != nil && (of == "" || of == w.cfg.Traced) {
		fmt.Fprintf(w.cfg.Trace, "%v "+format+"\n", append([]any{w.now}, args...)...)
	}
}

func (w *world) breaks(format string, args ...any) {
	if w.truth.broken == "" {
		w.truth.broken = fmt.Sprintf("at %v: ", w.now) + fmt.Sprintf(format, args...)
	}
}
