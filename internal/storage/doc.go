// Package storage is what a node keeps in its data directory: its identity, Raft's log,
// votes and terms, and snapshots. Everything has a checksum and is checked when the
// directory is opened. The first write that fails stops the node.
package storage
