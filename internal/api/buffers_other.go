//go:build !linux

package api

import "net"

// boundUnsent does nothing: only the write buffer bounds the unsent bytes.
func boundUnsent(net.Conn, int) {}
