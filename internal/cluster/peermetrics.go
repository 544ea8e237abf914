package cluster

import "github.com/prometheus/client_golang/prometheus"

var (
	voters = prometheus.NewDesc("lockd_voters", "Members with a vote, as this node knows the configuration.", nil, nil)
	lag    = prometheus.NewDesc("lockd_peer_lag_entries",
		"How many entries a member's log is behind the leader's; only the leader has it.", []string{"peer"}, nil)
	contact = prometheus.NewDesc("lockd_peer_last_contact_seconds",
		"How long ago a member last answered the leader; only the leader has it.", []string{"peer"}, nil)
)

// memberMetrics has the metrics of members. There are at most fsm.MaxNodes of them.
type memberMetrics struct{ n *Node }

// Describe implements prometheus.Collector.
func (memberMetrics) Describe(to chan<- *prometheus.Desc) { to <- voters; to <- lag; to <- contact }

// Collect implements prometheus.Collector.
func (m memberMetrics) Collect(to chan<- prometheus.Metric) {
	s := m.n.Status()
	votes := 0
	peers := make(map[string]Member) // a node and the one that replaces it may both be members, with one name
	for _, peer := range s.Members {
		if peer.Voter {
			votes++
		}
		if peer.ID != s.Self.ID {
			peers[peer.Name] = peer
		}
	}
	to <- prometheus.MustNewConstMetric(voters, prometheus.GaugeValue, float64(votes))
	if m.n.term.Load() == nil {
		return
	}
	for name, peer := range peers {
		_, last := m.n.network.transport.LastAnswer(peer.ID)
		to <- prometheus.MustNewConstMetric(lag, prometheus.GaugeValue, float64(s.LastLogIndex-min(last, s.LastLogIndex)), name)
		if peer.LastContact != nil {
			to <- prometheus.MustNewConstMetric(contact, prometheus.GaugeValue, peer.LastContact.Seconds(), name)
		}
	}
}
