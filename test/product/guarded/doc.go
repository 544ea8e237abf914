// Package guarded measures what `lockd lock` promises: that its command is dead
// before the TTL is over that its last acknowledged renewal began, when all nodes
// fall silent or lockd itself is stopped, and how soon the next holder begins.
package guarded
