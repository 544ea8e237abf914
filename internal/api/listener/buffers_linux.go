package listener

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// boundUnsent makes writes block while this number of bytes is not sent yet.
func boundUnsent(conn net.Conn, bytes int) {
	s, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := s.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, bytes)
		})
	}
}
