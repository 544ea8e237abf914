// Package cluster owns Raft: no other package imports it. A Node is one member of the
// cluster. It keeps the log and the snapshots, applies committed entries to the machine,
// and, while it leads, runs a term of package leader with goroutines and timers.
//
// A term begins when a Barrier of its own has been applied. Everything that runs for it
// runs on its context, and its end waits for that. A request is answered only by the term
// that received it.
package cluster
