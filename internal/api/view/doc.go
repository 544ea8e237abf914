// Package view has the bodies that several answers share: leases, holds and events, as JSON and as server-sent events.
// None of them has a session, except the answer to an acquire or a renewal, which has the caller's own.
package view
