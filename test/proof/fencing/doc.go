// Package fencing shows what a token is for. Processes that hold a lease in turn
// add to a set that they read and write back as a whole, and are stopped in the
// middle of it for longer than the lease lasts. A store that refuses lower tokens
// loses nothing of what it acknowledged; one that does not, does.
package fencing
