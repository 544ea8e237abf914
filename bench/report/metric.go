package report

// Metric is the name of a measured quantity. It ends with the unit.
type Metric string

// The metrics, in the order of a table's columns.
const (
	PerSecond Metric = "per_second"
	P50       Metric = "p50_ms"
	P90       Metric = "p90_ms"
	P99       Metric = "p99_ms"
	P999      Metric = "p99.9_ms"
	Max       Metric = "max_ms"
	Unstarted Metric = "unstarted_percent" // operations of an open loop that were due while no client was free
	CPU       Metric = "server_cpu_us"     // of all servers, per operation

	MeanWait    Metric = "mean_wait_ms"    // of contenders for the lease
	LongestWait Metric = "longest_wait_ms" // of all contenders
	Fairness    Metric = "fairness"        // Jain's index: 1 if all contenders got the lease equally often
	Outage      Metric = "outage_ms"       // longest time between two acknowledged writes
	Beyond      Metric = "beyond_ttl_ms"   // from the end of a dead holder's TTL to the next holder
	FirstFresh  Metric = "fresh_ms"        // from the start of a new cluster to its first acknowledged write
	FirstAgain  Metric = "again_ms"        // the same for a cluster that has data
	LastWatcher Metric = "last_watcher_ms" // from an acknowledged change to its event at the last watcher
	NodeCPU     Metric = "node_cpu_percent"
	Written     Metric = "written_bytes" // of all servers, to disk
	Entries     Metric = "log_entries"
	LeaseBytes  Metric = "bytes_a_lease"      // anonymous memory, of the server with the largest value
	LiveBytes   Metric = "live_bytes_a_lease" // heap after a garbage collection, likewise
	WaitBytes   Metric = "bytes_a_wait"       // likewise
	WatchBytes  Metric = "bytes_a_watcher"    // likewise
	Pages       Metric = "all_pages_ms"       // for listing all leases, page by page
	LateP50     Metric = "expiry_late_p50_ms"
	LateP99     Metric = "expiry_late_p99_ms"
	LateMax     Metric = "expiry_late_max_ms"
	Early       Metric = "expired_early"
)

// Foreign is the name of Cell.Foreign in a table.
const Foreign Metric = "foreign_cores"

// Metrics returns all metrics in that order.
func Metrics() []Metric {
	return []Metric{
		PerSecond, P50, P90, P99, P999, Max, Unstarted, CPU,
		MeanWait, LongestWait, Fairness, Outage, Beyond, FirstFresh, FirstAgain, LastWatcher, NodeCPU, Written, Entries,
		LeaseBytes, LiveBytes, WaitBytes, WatchBytes, Pages, LateP50, LateP99, LateMax, Early,
	}
}
