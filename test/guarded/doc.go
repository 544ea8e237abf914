// Package guarded measures what `lockd lock` promises: that its command is dead
// before the TTL is over that its last acknowledged renewal began, when all nodes
// fall silent, and how soon the next holder begins after that.
package guarded
