// Package access decides who may do what: rights, scopes, the rules that join them, the form of tokens, and the table of
// principals and tokens that the state machine replicates. It is pure: it has no clock and no I/O.
package access
