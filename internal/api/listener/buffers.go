package listener

import (
	"context"
	"crypto/tls"
	"net"
)

// The sizes of a connection's kernel buffers, in bytes. The kernel accounts for about twice as much. Without a bound, a
// client that does not read uses megabytes of the memory that all TCP connections of the host share, including Raft's.
const (
	readBuffer  = 64 << 10
	writeBuffer = 256 << 10
	// streamBuffer replaces writeBuffer for a stream.
	streamBuffer = 64 << 10
	// maxUnsent bounds the bytes that were written and are not sent yet, if the kernel supports it. Bytes in flight are
	// not counted, so the bound does not reduce the throughput of a client that reads.
	maxUnsent = 32 << 10
)

type buffered interface {
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
}

// boundBuffers bounds the kernel buffers of a new connection. It does nothing for a connection without buffers, such as
// a pipe in a test.
func boundBuffers(conn net.Conn) {
	if b, ok := conn.(buffered); ok {
		_ = b.SetReadBuffer(readBuffer)
		_ = b.SetWriteBuffer(writeBuffer)
		boundUnsent(conn, maxUnsent)
	}
}

// connectionKey is the key of a request's connection in its context.
type connectionKey struct{}

// WithConnection returns the context for the requests of a connection, as http.Server.ConnContext needs it.
func WithConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// BoundStream reduces the write buffer of a connection that has become a stream. ctx is the context of its request.
func BoundStream(ctx context.Context) {
	conn := ctx.Value(connectionKey{})
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if conn, ok := conn.(*connection); ok {
		if b, ok := conn.Conn.(buffered); ok {
			_ = b.SetWriteBuffer(streamBuffer)
		}
	}
}
