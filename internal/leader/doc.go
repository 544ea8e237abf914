// Package leader implements a leader within one term: it packs entries, answers renewals and
// reads once a round of messages has confirmed the term, answers waits, expires timers, and
// computes what callers are promised.
//
// It is pure: it reads no clock, starts no goroutine and does no I/O. Package cluster
// runs it with the real Raft and real time; test/proof/sim runs the same code with simulated
// ones. Times are durations on the leader's own monotonic clock.
package leader
