package api

import (
	"context"
	"net"
)

// What the kernel may keep for a connection, in bytes; it counts about twice as much for its own. Without a bound a
// client that does not read costs megabytes of the memory that all TCP connections of the host share, Raft's as well.
const (
	readBuffer  = 64 << 10
	writeBuffer = 256 << 10
	// streamBuffer replaces writeBuffer for a stream.
	streamBuffer = 64 << 10
	// maxUnsent bounds what was written and is not sent yet, where the kernel can do that. What is sent is bounded by what
	// the client takes, so that it costs a client that reads no throughput.
	maxUnsent = 32 << 10
)

type buffered interface {
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
}

// boundBuffers bounds what the kernel keeps for a new connection. One that has no buffers, as in tests, stays as it is.
func boundBuffers(conn net.Conn) {
	if b, ok := conn.(buffered); ok {
		_ = b.SetReadBuffer(readBuffer)
		_ = b.SetWriteBuffer(writeBuffer)
		boundUnsent(conn, maxUnsent)
	}
}

// connection is the key of a request's connection in its context.
type connection struct{}

func withConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connection{}, conn)
}

// boundStream bounds what the kernel keeps for a connection that has become a stream.
func (c *call) boundStream() {
	if conn, ok := c.r.Context().Value(connection{}).(*limitedConn); ok {
		if b, ok := conn.Conn.(buffered); ok {
			_ = b.SetWriteBuffer(streamBuffer)
		}
	}
}
