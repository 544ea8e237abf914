// Package fsm is the replicated state machine of lockd: named leases, their holders, their
// queues and their history.
//
// Its state depends on the log alone. It uses no clock, no goroutine, no I/O and no
// randomness, and no outcome depends on the order of a map. So every node that applies the
// same entries has the same state, byte for byte. It stores owners, tokens and TTLs, not
// expiry times. Deadlines are in package leader: the machine returns timers (Timer), and
// commands in later entries end them (Expire).
//
// Package lease has the values of the state and the table that stores them. The commands
// here, one in each file, decide how they change.
//
// Terms are those of the HTTP API: lease, session, holder, token, revision, ttl, slot.
package fsm
