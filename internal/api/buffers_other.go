//go:build !linux

package api

import "net"

// boundUnsent does nothing: the write buffer alone bounds what is not sent.
func boundUnsent(net.Conn, int) {}
