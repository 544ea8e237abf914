package report

// A Metric is what a value is of. Its name ends with its unit.
type Metric string

// The metrics that there are, in the order of a table's columns.
const (
	PerSecond Metric = "per_second"
	OfEcho    Metric = "of_echo" // per second, as a share of the echo's
	P50       Metric = "p50_ms"
	P90       Metric = "p90_ms"
	P99       Metric = "p99_ms"
	P999      Metric = "p99.9_ms"
	Max       Metric = "max_ms"
	Unstarted Metric = "unstarted_percent" // of an open loop: no client was free in time
	CPU       Metric = "server_cpu_us"     // all servers, for one operation
)

// Metrics are all of them, in that order.
func Metrics() []Metric {
	return []Metric{PerSecond, OfEcho, P50, P90, P99, P999, Max, Unstarted, CPU}
}
