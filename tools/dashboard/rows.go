package main

func rows() []row {
	return []row{cluster(), leases(), safety(), api(), raft(), runtime()}
}

func cluster() row {
	return row{"Cluster", []panel{
		{title: "Nodes that are ready", number: true, unit: "short", queries: []query{{`sum(lockd_ready{job="$job"})`, "ready"}},
			help: "Nodes that can serve. If it is below the number of voters, ask the missing node: `curl http://NODE/readyz` gives the reason."},
		{title: "Voters", number: true, unit: "short", queries: []query{{`max(lockd_voters{job="$job"})`, "voters"}},
			help: "Members with a vote. A majority of them must be ready; run three or five."},
		{title: "Losses until outage", number: true, unit: "short", good: 1,
			queries: []query{{`sum(lockd_ready{job="$job"}) - floor(max(lockd_voters{job="$job"}) / 2) - 1`, "spare"}},
			help:    "How many more nodes can fail. At 0 the next failure stops grants and renewals: bring the missing node back first."},
		{title: "Changes of leader, 1 h", number: true, unit: "short", warn: 3,
			queries: []query{{`sum(increase(lockd_raft_state_changes_total{job="$job", state="leader"}[1h]))`, "elections"}},
			help:    "A restart of the leader is one. Many mean slow disks, missing CPU or packet loss: look at Raft and disk."},
		{title: "State of the budget", number: true, unit: "percentunit", warn: 0.8,
			queries: []query{{`max(lockd_state_bytes{job="$job"} / (lockd_state_budget_bytes{job="$job"} > 0))`, "used"}},
			help:    "Share of `--max-state-bytes`. At 1 new leases are refused: raise the setting on all nodes, or find who takes leases."},
		{title: "Certificate expires in", number: true, unit: "s", good: 14 * 86400,
			queries: []query{{`min(lockd_tls_expiry_seconds{job="$job"})`, "expires"}},
			help:    "The certificate of any node that ends first. Replace it before 14 days are left: `lockd tls node`. No data: no TLS."},
		{title: "Roles", unit: "short", queries: []query{{`lockd_is_leader{$sel}`, "{{instance}} leads"}, {`lockd_ready{$sel}`, "{{instance}} is ready"}}, most: 1.1,
			help: "1 or 0 for each node. Exactly one node leads. A gap is a failover: it should take one to two seconds."},
		{title: "Lag of members", unit: "short", queries: []query{{`max by (peer) (lockd_peer_lag_entries{job="$job"})`, "{{peer}}"}},
			help: "Log entries that a member is behind the leader. It should return to 0. If it only grows, the member is down or its disk is slow."},
		{title: "Last contact with members", unit: "s", queries: []query{{`max by (peer) (lockd_peer_last_contact_seconds{job="$job"})`, "{{peer}}"}},
			help: "How long ago each member answered the leader. Above the heartbeat timeout the member is down or cut off."},
	}}
}

func leases() row {
	return row{"Leases", []panel{
		{title: "Leases and waiters", unit: "short", queries: []query{{`max(lockd_leases{$sel})`, "leases"}, {`max(lockd_queue_tickets{$sel})`, "waiters"}},
			help: "Names that are held, delayed or waited for, and places in all queues. Waiters that only grow: a holder does not release; find it with `lockd ls`."},
		{title: "Grants and ends", unit: "ops", queries: []query{
			{`sum(rate(lockd_grants_total{$sel}[$__rate_interval]))`, "granted"},
			{`sum by (cause) (rate(lockd_ends_total{$sel}[$__rate_interval]))`, "{{cause}}"}},
			help: "Leases granted, and holds that ended, by cause. `expired` means that a holder crashed or could not reach the cluster."},
		{title: "Vacancy between two holders", unit: "s", queries: []query{
			percentile("0.5", "lockd_vacancy_seconds", "cause", "{{cause}} p50"), percentile("0.99", "lockd_vacancy_seconds", "cause", "{{cause}} p99")},
			help: "Time from the end of a hold to the next grant. After `released` it is milliseconds if a waiter exists. Long after `expired`: no candidate waits."},
		{title: "Elections without a leader", unit: "short",
			queries: []query{{`max by (job, name) (leader_election_master_status)`, "{{job}} {{name}}"}}, most: 1.1,
			help: "1 if some candidate of an election leads. The series come from `lockd agent`, the clients and programs with client-go, not from the nodes. 0: start a candidate, or read `lockd history NAME`."},
		{title: "Watchers and connections", unit: "short", queries: []query{
			{`sum by (instance) (lockd_watchers{$sel})`, "{{instance}} watchers"}, {`sum by (instance) (lockd_http_connections{$sel})`, "{{instance}} connections"}},
			help: "Open watches and client connections of each node. Near `--max-conns` new clients are refused: spread the clients over the nodes."},
		{title: "Size of the state", unit: "bytes", queries: []query{
			{`max(lockd_state_bytes{$sel})`, "state"}, {`min(lockd_state_budget_bytes{$sel} > 0)`, "budget"}},
			help: "What leases, queues and history take, and what they may take. At the budget, acquires are refused with `overloaded`."},
	}}
}

func safety() row {
	return row{"Safety", []panel{
		{title: "Renewals in the last fifth of the TTL", unit: "percentunit", most: 1, queries: []query{{
			`sum(rate(lockd_renew_margin_ratio_bucket{$sel, le="0.2"}[$__rate_interval])) / sum(rate(lockd_renew_margin_ratio_count{$sel}[$__rate_interval]))`, "late"}},
			help: "Such holders are about to lose their leases. Renew at a third of the TTL; look for clients that stall, and at the latency of requests."},
		{title: "TTL that was left at a renewal", unit: "percentunit", most: 1, queries: []query{
			percentile("0.01", "lockd_renew_margin_ratio", "", "p1"), percentile("0.5", "lockd_renew_margin_ratio", "", "p50")},
			help: "About two thirds for a client that renews at a third of the TTL. The p1 line is the worst holder of a hundred."},
		{title: "Expiries and breaks", unit: "ops", queries: []query{
			{`sum by (cause) (rate(lockd_ends_total{$sel, cause=~"expired|broken|reclaimed"}[$__rate_interval]))`, "{{cause}}"}},
			help: "Holds that did not end by a release. For each break the audit log and `lockd history NAME` have who did it and why."},
		{title: "Lateness of expiries", unit: "s", queries: []query{
			percentile("0.5", "lockd_expiry_lateness_seconds", "", "p50"), percentile("0.99", "lockd_expiry_lateness_seconds", "", "p99")},
			help: "From a deadline to the entry that ended the hold. It delays the next holder, and is never unsafe. Above 250 ms the leader lacks CPU or disk."},
		{title: "Wall clock set, or machine suspended", unit: "s", signed: true, queries: []query{{`lockd_clock_shift_seconds{$sel}`, "{{instance}}"}},
			help: "A step is a clock that was set, or a suspended machine. Let NTP slew the clock, and do not suspend the virtual machines of nodes."},
		{title: "Refused by permissive authentication", unit: "ops", queries: []query{
			{`sum by (problem) (rate(lockd_auth_would_deny_total{$sel}[$__rate_interval]))`, "{{problem}}"}},
			help: "Requests that would fail with authentication on. Give these clients tokens before `lockd auth enable`."},
	}}
}

func api() row {
	return row{"API", []panel{
		{title: "Requests by route", unit: "reqps", queries: []query{
			{`sum by (route, method) (rate(lockd_http_request_seconds_count{$sel}[$__rate_interval]))`, "{{method}} {{route}}"}},
			help: "Requests that were answered. A route that suddenly dominates is one client in a loop: the access log names its principal and address."},
		{title: "Errors by status", unit: "reqps", queries: []query{
			{`sum by (code) (rate(lockd_http_request_seconds_count{$sel, code=~"5..|429|401|403"}[$__rate_interval]))`, "{{code}}"}},
			help: "503: no leader, or overload. 504: the outcome is unknown, usually at a failover. 429: a limit of one client. 401 and 403: credentials. 409 is a normal refusal and is not shown."},
		{title: "Latency by route, p99", unit: "s", queries: []query{
			percentile("0.99", "lockd_http_request_seconds", "route", "{{route}}")},
			help: "With the waits that clients ask for, so acquires with a wait are long. Renewals should take milliseconds: else look at Raft and disk."},
		{title: "Lost log lines", unit: "short", queries: []query{
			{`sum by (instance) (increase(lockd_log_lines_dropped_total{$sel}[$__rate_interval]))`, "{{instance}} log"},
			{`sum by (instance) (increase(lockd_audit_dropped_total{$sel}[$__rate_interval]))`, "{{instance}} audit"}},
			help: "Lines that were not read or could not be written in time. Repair the reader of the log; check the disk of `--audit-log`."},
	}}
}

func raft() row {
	return row{"Raft and disk", []panel{
		{title: "Write to the log, with fsync", unit: "s", queries: []query{
			percentile("0.5", "lockd_raft_log_write_seconds", "instance", "{{instance}} p50"), percentile("0.99", "lockd_raft_log_write_seconds", "instance", "{{instance}} p99")},
			help: "The disk of each node. It decides how fast leases are granted. Above 100 ms: another program uses the disk, or it is failing."},
		{title: "Oldest write under way", unit: "s", queries: []query{{`max by (instance) (lockd_disk_write_seconds{$sel})`, "{{instance}}"}},
			help: "At 1 s the node gives up leadership. Move leadership away (`lockd cluster transfer-leader`) and replace the disk."},
		{title: "Commit", unit: "s", queries: []query{
			percentile("0.5", "lockd_raft_commit_seconds", "", "p50"), percentile("0.99", "lockd_raft_commit_seconds", "", "p99")},
			help: "Until a quorum has an entry on disk. If the disks are fast and this is slow, it is the network between nodes."},
		{title: "Entries", unit: "ops", queries: []query{{`sum(rate(lockd_raft_applies_total{$sel}[$__rate_interval]))`, "entries"}, {`max(rate(lockd_revision{$sel}[$__rate_interval]))`, "state changes"}},
			help: "Log entries of the leader, and changes of the state: many changes share an entry under load."},
		{title: "Elections", unit: "short", queries: []query{
			{`sum by (instance) (increase(lockd_raft_heartbeat_timeouts_total{$sel}[$__rate_interval]))`, "{{instance}} heard no leader"},
			{`sum by (instance) (increase(lockd_raft_leader_lease_timeouts_total{$sel}[$__rate_interval]))`, "{{instance}} lost its quorum"}},
			help: "A node that heard no leader starts an election. Regularly: a longer `--heartbeat-timeout`, more CPU, or a better network."},
		{title: "Busy goroutines of Raft", unit: "percentunit", most: 1, queries: []query{{`max by (instance, thread) (lockd_raft_thread_busy_ratio{$sel})`, "{{instance}} {{thread}}"}},
			help: "Near 1 on the leader the cluster is at its limit: faster disks for `main`, faster CPUs for `fsm`."},
		{title: "Snapshots", unit: "s", queries: []query{
			percentile("0.99", "lockd_raft_snapshot_write_seconds", "instance", "{{instance}} written"), percentile("0.99", "lockd_raft_snapshot_install_seconds", "instance", "{{instance}} installed")},
			help: "A snapshot is installed on a node that was away for long. Repeatedly: raise `--trailing-logs`."},
		{title: "Calls to followers", unit: "s", queries: []query{
			percentile("0.5", "lockd_raft_replication_seconds", "", "p50"), percentile("0.99", "lockd_raft_replication_seconds", "", "p99")},
			help: "From the leader to a follower and back, with the follower's write to disk."},
		{title: "State changes of Raft", unit: "short", queries: []query{
			{`sum by (instance, state) (increase(lockd_raft_state_changes_total{$sel}[$__rate_interval]))`, "{{instance}} {{state}}"}},
			help: "Each node should only change state when a leader stops."},
	}}
}

func runtime() row {
	return row{"Go runtime", []panel{
		{title: "CPU", unit: "short", queries: []query{{`rate(process_cpu_seconds_total{$sel}[$__rate_interval])`, "{{instance}}"}},
			help: "Processors in use. Expiries get late and elections begin if the leader gets too little: see CPU steal and limits of the container."},
		{title: "Memory", unit: "bytes", queries: []query{{`process_resident_memory_bytes{$sel}`, "{{instance}} resident"}, {`go_memstats_heap_inuse_bytes{$sel}`, "{{instance}} heap"}},
			help: "lockd keeps the Go heap below nine tenths of the limit of its container. Near it: less `--max-state-bytes`, or more memory."},
		{title: "Goroutines and open files", unit: "short", queries: []query{{`go_goroutines{$sel}`, "{{instance}} goroutines"}, {`process_open_fds{$sel}`, "{{instance}} files"}},
			help: "Both follow the number of connections. Files near `process_max_fds`: raise LimitNOFILE."},
		{title: "Pauses of the garbage collector", unit: "s", queries: []query{{`go_gc_duration_seconds{$sel, quantile="1"}`, "{{instance}}"}},
			help: "The longest recent pause. Above 10 ms the machine lacks CPU."},
		{title: "Versions", unit: "short", queries: []query{{`count by (version) (lockd_build_info{job="$job"})`, "{{version}}"}},
			help: "Nodes by version. Two versions are normal during an upgrade only."},
	}}
}
