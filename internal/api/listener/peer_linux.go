package listener

import (
	"fmt"
	"net"
	"syscall"
)

// User returns the user at the other end of a Unix socket, for the audit log.
func User(conn net.Conn) string {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return "socket"
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return "socket"
	}
	peer := "socket"
	_ = raw.Control(func(fd uintptr) {
		if u, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			peer = fmt.Sprintf("uid=%d pid=%d", u.Uid, u.Pid)
		}
	})
	return peer
}
