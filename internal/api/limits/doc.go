// Package limits bounds what the clients of one address use of a node: connections, waits in queues, and watches that
// receive the whole state.
package limits

import "net"

// Limits are the limits of a server.
type Limits struct {
	Connections *Connections
	Waits       *Waits
	States      *Places // watches that receive the whole state
	Scans       *Places // reads that look at all leases or events
	Rates       *Rates
}

// Address returns a remote address without its port.
func Address(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}
