package cluster

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockd/lockd/internal/cluster/counters"
	"github.com/lockd/lockd/internal/fsm"
)

// newMetrics exports the metrics of a node.
func newMetrics(r prometheus.Registerer, n *Node) *counters.Counters {
	r.MustRegister(gauges(n)...)
	r.MustRegister(memberMetrics{n})
	return counters.New(r)
}

func gauges(n *Node) []prometheus.Collector {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	machine := func(value func(m *fsm.Machine) int) func() float64 {
		return func() (v float64) {
			n.replica.view(func(m *fsm.Machine) { v = float64(value(m)) })
			return v
		}
	}
	return []prometheus.Collector{
		gauge("lockd_leases", "Leases that are held, delayed or waited for.", machine((*fsm.Machine).Len)),
		gauge("lockd_state_bytes", "About how many bytes the leases, queues and history take.", machine((*fsm.Machine).Bytes)),
		gauge("lockd_state_budget_bytes", "How many bytes they may take: what the smallest member allows; 0 if none has stated it.",
			machine((*fsm.Machine).Budget)),
		gauge("lockd_queue_tickets", "Places in all queues.", machine((*fsm.Machine).Waiting)),
		gauge("lockd_revision", "State changes so far.", func() float64 { return float64(n.Revision()) }),
		gauge("lockd_entry_version", "The version in which this node's log is written: the newest that every member reads.",
			func() float64 { return float64(n.entryVersion()) }),
		gauge("lockd_is_leader", "1 if this node leads and serves.", func() float64 { return truth(n.term.Load() != nil) }),
		gauge("lockd_has_leader", "1 if a leader is known.", func() float64 { return truth(n.LeaderName() != "") }),
		gauge("lockd_ready", "1 if this node can serve.", func() float64 { return truth(n.Ready() == nil) }),
		connections("yes", func() int { secured, _ := n.network.server.Members(); return secured }),
		connections("no", func() int { _, plain := n.network.server.Members(); return plain }),
		gauge("lockd_disk_write_seconds", "How long the oldest write to the log, or of a vote or term, that is under way has taken.",
			func() float64 { return n.store.Hanging().Seconds() }),
	}
}

// connections returns the number of open connections that members have opened.
func connections(tls string, count func() int) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lockd_peer_connections", Help: "Open connections that other members have opened to this node, with TLS and without it.",
		ConstLabels: prometheus.Labels{"tls": tls},
	}, func() float64 { return float64(count()) })
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
