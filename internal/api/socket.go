package api

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/lockd/lockd/internal/api/limits"
	"github.com/lockd/lockd/internal/api/listener"
)

// socketKey is the key of the mark that a request came by the admin socket.
type socketKey struct{}

func withSocket(ctx context.Context) context.Context {
	return context.WithValue(ctx, socketKey{}, true)
}

// peerKey is the key of the user that has opened the admin socket.
type peerKey struct{}

// RunSocket serves the admin socket until ctx ends. It closes the listener.
func (s *Server) RunSocket(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           s.Socket(),
		ReadHeaderTimeout: s.cfg.HeaderTimeout,
		ReadTimeout:       s.cfg.HeaderTimeout + s.cfg.BodyTimeout,
		WriteTimeout:      s.cfg.WriteTimeout,
		IdleTimeout:       s.cfg.IdleTimeout,
		MaxHeaderBytes:    s.cfg.MaxHeaderBytes,
		ErrorLog:          errorLog(s.cfg.Logger),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(listener.WithConnection(ctx, conn), peerKey{}, listener.User(conn))
		},
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); ctx.Err() == nil {
		return fmt.Errorf("api: serve the admin socket: %w", err)
	}
	return nil
}

// remote returns the address of a caller; at the admin socket its user.
func remote(r *http.Request) string {
	if peer, ok := r.Context().Value(peerKey{}).(string); ok {
		return peer
	}
	return host(r.RemoteAddr)
}

// host returns a remote address without its port.
func host(remote string) string { return limits.Address(remote) }
