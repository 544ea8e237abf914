//go:build !linux

package api

import "net"

func peerOf(net.Conn) string { return "socket" }
