package target

import (
	"fmt"

	"github.com/lockd/lockd/bench/lockd"
	"github.com/lockd/lockd/bench/report"
)

// targets returns the targets for three nodes with default settings. The clients run on the same machine.
func targets() []Target {
	all := throughputs()
	return append(append(all, events()...), sizes()...)
}

func clients(work string, n int) report.Key {
	return report.Key{Work: work, System: lockd.Name, Clients: n}
}

func held(work string, n int) report.Key {
	return report.Key{Work: work, System: lockd.Name, Leases: n}
}

func throughputs() (all []Target) {
	add := func(work string, n int, least float64, against base) {
		all = append(all, Target{
			What: fmt.Sprintf("%s, C=%d", work, n), figure: figure{key: clients(work, n), metric: report.PerSecond},
			against: against, least: least,
		})
	}
	add("acquire and release", 64, 1.3, byBestPeer)
	add("acquire and release", 256, 1.3, byBestPeer)
	add("acquire", 64, 0.20, byEcho())
	add("acquire", 256, 0.40, byEcho())
	add("renew at the leader", 64, 0.65, byEcho())
	add("renew at the leader", 256, 0.65, byEcho())
	add("renew", 64, 1.5, byBestPeer)
	add("renew", 256, 1.5, byBestPeer)
	add("renew through a follower", 64, 0.6, byOwn(clients("renew at the leader", 64), report.PerSecond, "that at the leader"))
	add("linearizable read at the leader", 64, 0.6, byEcho())
	add("linearizable read", 64, 1.3, byBestPeer)
	return append(all,
		Target{What: "acquire and release, C=1, p50", figure: figure{key: clients("acquire and release", 1), metric: report.P50}, against: byBestPeer, most: 1},
		Target{What: "renew, C=1, p50", figure: figure{key: clients("renew", 1), metric: report.P50}, against: bySystem("consul", "Consul's"), most: 1.2},
		Target{What: "servers' CPU of a renewal at the leader, C=64", figure: figure{key: clients("renew at the leader", 64), metric: report.CPU}, against: byEcho(), most: 1.8},
	)
}

func events() []Target {
	const contenders, watchers, ms = 64, 5000, " ms"
	alone := func(work string) report.Key { return report.Key{Work: work, System: lockd.Name} }
	handOvers := clients("hand-over", contenders)
	return []Target{
		{What: "hand-overs per second, 64 contenders", figure: figure{key: handOvers, metric: report.PerSecond}, against: byBestPeer, least: 2},
		{
			What: "longest wait of 64 contenders", figure: figure{key: handOvers, metric: report.LongestWait},
			against: byOwn(handOvers, report.MeanWait, "the mean"), most: 3,
		},
		// 2.2 × the default heartbeat timeout, and 100 ms.
		{What: "leader killed: median outage", figure: figure{key: alone("leader killed"), metric: report.Outage}, most: 1200, unit: ms},
		{What: "leader terminated: median outage", figure: figure{key: alone("leader terminated"), metric: report.Outage}, most: 50, unit: ms},
		{What: "holder dead: next one beyond the TTL, median", figure: figure{key: alone("holder dead"), metric: report.Beyond}, most: 50, unit: ms},
		{What: "holder dead: next one beyond the TTL, longest", figure: figure{key: alone("holder dead"), metric: report.Beyond, worst: true}, most: 250, unit: ms},
		{
			What: "event at the last of 5,000 watchers, median", most: 33, unit: ms,
			figure: figure{key: report.Key{Work: "watchers", System: lockd.Name, Watchers: watchers}, metric: report.LastWatcher},
		},
		{What: "first write of a new cluster, median", figure: figure{key: alone("cold start"), metric: report.FirstFresh}, most: 1500, unit: ms},
		{What: "first write of a cluster started again, median", figure: figure{key: alone("cold start"), metric: report.FirstAgain}, most: 1500, unit: ms},
	}
}

func sizes() []Target {
	const many, few, ms = 100_000, 1000, " ms"
	renewed := held("idle cluster", few)
	renewed.Rate = 200
	return []Target{
		{What: "memory of a lease of 100,000, without garbage", figure: figure{key: held("many leases", many), metric: report.LiveBytes}, most: 600, unit: " B"},
		{What: "100,000 leases expire at once: lateness, p99", figure: figure{key: held("many leases", many), metric: report.LateP99}, most: 1000, unit: ms},
		{What: "100,000 leases expire at once: early", figure: figure{key: held("many leases", many), metric: report.Early, worst: true}, unit: " leases"},
		{What: "log entries while 1,000 leases are renewed", figure: figure{key: renewed, metric: report.Entries, worst: true}, unit: " entries"},
		{What: "written while 1,000 leases are renewed", figure: figure{key: renewed, metric: report.Written, worst: true}, unit: " B"},
		{What: "CPU of the busiest node without renewals, 1,000 leases", figure: figure{key: held("idle cluster", few), metric: report.NodeCPU}, most: 3, unit: " %"},
	}
}
