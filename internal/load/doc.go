// Package load generates a bounded load on any function, and measures the latency of its calls. It does not depend on
// the system under test.
//
// In a closed loop, each worker begins its next operation when the last has ended. It measures the throughput of a
// system. If the system stalls, a closed loop stalls with it, and measures only one long operation for each worker.
//
// An open loop begins operations at a fixed rate, as independent clients do. Its latencies count from the time at which
// an operation was scheduled, so that a stall increases the latency of all operations that it delayed.
package load
