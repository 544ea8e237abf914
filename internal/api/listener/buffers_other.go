//go:build !linux

package listener

import "net"

// boundUnsent does nothing: only the write buffer bounds the unsent bytes.
func boundUnsent(net.Conn, int) {}
