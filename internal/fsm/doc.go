// Package fsm is lockd's domain: a pure state machine of named leases, their
// holders, their queues and their history.
//
// It is a function of the log and of nothing else. It knows no clock, no
// goroutine, no I/O and no randomness, and it lets no map order reach an
// outcome, so every node that applies the same entries reaches the same state,
// byte for byte. It stores owners, tokens and TTLs, not expiry times. Deadlines are
// in package leader: the machine states timers (Timer), and entries end them (Expire).
//
// The words are those of the HTTP contract: lease, session, holder, token,
// revision, ttl, slot.
package fsm
