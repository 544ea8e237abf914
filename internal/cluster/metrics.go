package cluster

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockd/lockd/internal/fsm"
)

// metrics are a node's metrics. Only the leader counts grants and ends, so that a sum over
// nodes counts each once. The name of a lease is never a label.
type metrics struct {
	grants   prometheus.Counter
	ends     *prometheus.CounterVec
	vacancy  *prometheus.HistogramVec
	margin   prometheus.Histogram
	lateness prometheus.Histogram
}

func newMetrics(r prometheus.Registerer, n *Node) *metrics {
	m := &metrics{
		grants: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lockd_grants_total", Help: "Leases granted, counted by the leader.",
		}),
		ends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lockd_ends_total", Help: "Holds that ended, by how, counted by the leader.",
		}, []string{"cause"}),
		vacancy: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lockd_vacancy_seconds",
			Help:    "From the end of one hold to the grant of the next, by how it ended; counted by the leader.",
			Buckets: []float64{0, .001, .005, .025, .1, .25, 1, 5, 15, 60, 600, 3600},
		}, []string{"cause"}),
		margin: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "lockd_renew_margin_ratio",
			Help:    "How much of the TTL was left when a renewal arrived: near 0 means that holders are about to lose.",
			Buckets: []float64{.1, .2, .3, .4, .5, .6, .7, .8, .9, 1},
		}),
		lateness: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "lockd_expiry_lateness_seconds",
			Help:    "From a deadline to the entry that made it true.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
	}
	for _, cause := range []fsm.EventType{fsm.EventReleased, fsm.EventExpired, fsm.EventBroken, fsm.EventTransferred, fsm.EventReclaimed} {
		m.ends.WithLabelValues(cause.String())
		m.vacancy.WithLabelValues(cause.String())
	}
	r.MustRegister(m.grants, m.ends, m.vacancy, m.margin, m.lateness)
	r.MustRegister(gauges(n)...)
	r.MustRegister(memberMetrics{n})
	return m
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

func (m *metrics) observe(events []*fsm.Event) {
	for _, e := range events {
		switch e.Type {
		case fsm.EventAcquired:
			m.grants.Inc()
			if e.Vacancy >= 0 {
				m.vacancy.WithLabelValues(e.Cause.String()).Observe(float64(e.Vacancy) / 1000)
			}
		case fsm.EventReleased, fsm.EventExpired, fsm.EventBroken, fsm.EventTransferred, fsm.EventReclaimed:
			m.ends.WithLabelValues(e.Type.String()).Inc()
		}
	}
}
