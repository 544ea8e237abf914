//go:build !linux

package listener

import "net"

// User returns what is known of the other end of a Unix socket, for the audit log.
func User(net.Conn) string { return "socket" }
