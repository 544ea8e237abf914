// Package load makes a bounded load on anything that can be called, and measures
// how long the calls take. It knows no system.
//
// A closed loop has so many workers, each of which begins its next operation when
// the last has ended: it finds what a system can do. When the system stalls, a
// closed loop waits with it and measures one long operation for each worker.
//
// An open loop begins operations at a fixed rate, as independent clients do. Its
// latencies count from when an operation was meant to begin, so that a stall is in
// the figures of all that it held up.
package load
