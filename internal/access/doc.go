// Package access decides who may do what: rights, scopes, the rules that join them, and
// the form of tokens. It is pure: it has no clock, no I/O and no state.
package access
