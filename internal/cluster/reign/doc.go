// Package reign is what a leader decides within one term, and nothing else: what
// a renewal may be answered, which round of messages confirms it, whom a grant
// answers, what is withdrawn, what a caller is promised.
//
// It is pure: it reads no clock, takes no lock, starts no goroutine and does no
// I/O. Package cluster drives it with the real Raft and the real time; a
// simulator drives the same code with made-up ones. Times are durations on the
// leader's own monotonic clock.
package reign
