// Package fsm is lockd's domain: a pure state machine of named leases, their
// holders, their queues and their history.
//
// It is a function of the log and of nothing else. It knows no clock, no
// goroutine, no I/O and no randomness, and it lets no map order reach an
// outcome, so every node that applies the same entries reaches the same state,
// byte for byte. It knows who holds what, by which token and for what TTL; it
// never knows till when. Deadlines are the leader's, in package expiry: the
// machine names them (Timer), and obeys the entries that end them (Expire).
//
// The words are those of the HTTP contract: lease, session, holder, token,
// revision, ttl, slot.
package fsm
