// Package leader is what a leader does within one term: which entries it packs, what
// a renewal or a read may be answered and which round of messages confirms it, which
// wait a grant answers, what has run out, and what a caller is promised.
//
// It is pure: it reads no clock, starts no goroutine and does no I/O. Package cluster
// runs it with the real Raft and real time; test/proof/sim runs the same code with simulated
// ones. Times are durations on the leader's own monotonic clock.
package leader
