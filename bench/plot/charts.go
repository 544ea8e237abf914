package main

import (
	"slices"

	"github.com/lockd/lockd/bench/report"
)

// colours are those of systems, told apart also by those who see few colours.
var colours = map[string]string{"echo": "#777777", "lockd": "#0072b2", "etcd": "#d55e00", "zookeeper": "#009e73", "consul": "#cc79a7"}

// charts are the pictures, by file.
func charts(r *report.Report) map[string]chart {
	return map[string]chart{
		"latency-acquire.svg": latency(r, "acquire and release"),
		"latency-renew.svg":   latency(r, "renew"),
		"latency-read.svg":    latency(r, "linearizable read"),
		"memory.svg":          memory(r),
	}
}

// latency is latency against throughput in closed loops: each point is a number of
// clients, and more of them are further to the right until a system is at its limit.
func latency(r *report.Report, work string) chart {
	c := chart{Title: work, X: "operations a second", Y: "latency in ms"}
	for _, s := range r.Systems {
		middle, tail := line{Name: s.Name + " p50", Colour: colours[s.Name]}, line{Name: s.Name + " p99", Colour: colours[s.Name], Dashed: true}
		for _, row := range closed(r, work, s.Name) {
			x := row.Metrics[report.PerSecond].Median()
			middle.Points = append(middle.Points, point{x, row.Metrics[report.P50].Median()})
			tail.Points = append(tail.Points, point{x, row.Metrics[report.P99].Median()})
		}
		if len(middle.Points) > 0 {
			c.Lines = append(c.Lines, middle, tail)
		}
	}
	return c
}

// closed are the rows of closed loops that have figures, in order of clients.
func closed(r *report.Report, work, system string) (all []*report.Row) {
	for _, row := range r.Rows {
		if row.Work == work && row.System == system && row.Rate == 0 && len(row.Metrics[report.PerSecond]) > 0 {
			all = append(all, row)
		}
	}
	slices.SortFunc(all, func(a, b *report.Row) int { return a.Clients - b.Clients })
	return all
}

// memory is that of the node that has most, against leases.
func memory(r *report.Report) chart {
	const mega = 1 << 20
	resident := line{Name: "resident", Colour: colours["lockd"]}
	live := line{Name: "without garbage", Colour: colours["lockd"], Dashed: true}
	for _, row := range r.Rows {
		n := float64(row.Leases)
		if v := row.Metrics[report.LeaseBytes]; len(v) > 0 {
			resident.Points = append(resident.Points, point{n, v.Median() * n / mega})
		}
		if v := row.Metrics[report.LiveBytes]; len(v) > 0 {
			live.Points = append(live.Points, point{n, v.Median() * n / mega})
		}
	}
	return chart{Title: "memory of a node", X: "leases, each of a session of its own", Y: "MiB", Lines: []line{resident, live}}
}
