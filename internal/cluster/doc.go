// Package cluster owns Raft: nothing else imports it. A Node is one member of
// the cluster. It keeps the log and the snapshots, applies committed entries to
// the machine, and, while it leads, runs a term: packing commands into entries,
// confirming renewals and reads with a quorum, holding waits, and ending what is
// due.
//
// Leadership is a context. A term begins when a Barrier of its own has been
// applied, and everything that runs for it runs on its context and is waited for
// when it ends. A request captures the term that took it and is answered only
// by that term.
package cluster
