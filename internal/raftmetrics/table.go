package raftmetrics

import "github.com/prometheus/client_golang/prometheus"

// table returns the metrics by the key under which Raft reports them. Only these are exported: Raft has some 60 more,
// whose keys contain the names of peers or repeat one of these.
func table() map[string]metric {
	states := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lockd_raft_state_changes_total", Help: "How often this node's Raft has entered a state: follower, candidate or leader.",
	}, []string{"state"})
	threads := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lockd_raft_thread_busy_ratio",
		Help: "The share of time in which a goroutine of Raft works instead of waiting: main decides, fsm applies entries. Near 1 it is a bottleneck.",
	}, []string{"thread"})
	return map[string]metric{
		"raft.state.follower":         state(states, "follower"),
		"raft.state.candidate":        state(states, "candidate"),
		"raft.state.leader":           state(states, "leader"),
		"raft.thread.main.saturation": thread(threads, "main"),
		"raft.thread.fsm.saturation":  thread(threads, "fsm"),

		"raft.apply":                           count("lockd_raft_applies_total", "Entries that the leader has given to Raft."),
		"raft.transition.heartbeat_timeout":    count("lockd_raft_heartbeat_timeouts_total", "How often this node has heard of no leader in time and has begun an election."),
		"raft.transition.leader_lease_timeout": count("lockd_raft_leader_lease_timeouts_total", "How often this node has given up leadership because it could not reach a quorum."),

		"raft.boltdb.storeLogs":              seconds("lockd_raft_log_write_seconds", "Time of one write of entries to the log of this node, with fsync."),
		"raft.commitTime":                    seconds("lockd_raft_commit_seconds", "Time from an entry on the leader until a quorum has it on disk."),
		"raft.fsm.apply":                     seconds("lockd_raft_fsm_apply_seconds", "Time to apply one entry or one batch of entries to the state."),
		"raft.leader.lastContact":            seconds("lockd_raft_leader_last_contact_seconds", "How long the leader had not heard of each follower, at each check of its quorum."),
		"raft.replication.appendEntries.rpc": seconds("lockd_raft_replication_seconds", "Time of one call of the leader to a follower with entries, with the follower's write."),
		"raft.rpc.installSnapshot":           seconds("lockd_raft_snapshot_install_seconds", "Time to receive and restore a snapshot of the leader."),
		"raft.snapshot.persist":              seconds("lockd_raft_snapshot_write_seconds", "Time to write a snapshot to the disk of this node."),
	}
}

// buckets are for fsyncs and calls in a data center at one end, and for snapshots at the other.
var buckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}

func count(name, help string) metric {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	return metric{Collector: c, report: func(v float32) { c.Add(float64(v)) }}
}

// seconds returns a histogram. Raft reports times in milliseconds.
func seconds(name, help string) metric {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	return metric{Collector: h, report: func(v float32) { h.Observe(float64(v) / 1000) }}
}

func state(v *prometheus.CounterVec, name string) metric {
	c := v.WithLabelValues(name)
	return metric{Collector: v, report: func(v float32) { c.Add(float64(v)) }}
}

func thread(v *prometheus.GaugeVec, name string) metric {
	g := v.WithLabelValues(name)
	return metric{Collector: v, report: func(v float32) { g.Set(float64(v)) }}
}
