package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/lockd/lockd/internal/api/accesslog"
	"github.com/lockd/lockd/internal/api/documents"
	"github.com/lockd/lockd/internal/api/limits"
	"github.com/lockd/lockd/internal/api/listener"
	"github.com/lockd/lockd/internal/api/longcalls"
	"github.com/lockd/lockd/internal/api/metrics"
	"github.com/lockd/lockd/internal/api/origin"
	"github.com/lockd/lockd/internal/api/requestid"
	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/auth"
)

// A Server answers lockd's HTTP requests.
type Server struct {
	cfg       Config
	metrics   *metrics.Metrics
	access    *accesslog.Log
	ids       *requestid.Source
	documents *documents.Documents
	frames    view.Frames
	limits    limits.Limits
	auth      *auth.Authenticator
	long      *longcalls.Calls
	watching  limits.Watchers
	origin    *origin.Guard
	handler   http.Handler

	// closing ends streams and waits. Other requests are drained.
	closing context.Context
	close   context.CancelFunc
}

// New returns a server. It registers its metrics, and panics if cfg.Registerer has the metrics of another server.
func New(cfg Config) *Server {
	s := &Server{
		cfg:       cfg.withDefaults(),
		ids:       requestid.NewSource(),
		documents: documents.New(),
		long:      longcalls.New(),
	}
	s.access = accesslog.New(s.cfg.Logger, accesslog.Mode(s.cfg.AccessLog))
	s.auth = auth.New(auth.Config{
		Directory: s.cfg.Access, JWT: s.cfg.JWT, ClientName: s.cfg.ClientName, Timeout: s.cfg.RequestTimeout,
	})
	s.limits = limits.Limits{
		Connections: limits.NewConnections(s.cfg.MaxConns, s.cfg.MaxConnsPerIP),
		Waits:       limits.NewWaits(s.cfg.MaxWaitsPerIP),
		States:      limits.NewPlaces(limits.MaxStates, limits.MaxStatesPerIP),
		Scans:       limits.NewPlaces(limits.MaxScans, limits.MaxScansPerIP),
		Rates:       limits.NewRates(s.cfg.MaxAcquireRate),
	}
	s.origin = origin.New(s.cfg.AllowedHosts, func() []string { return advertised(s.cfg.Cluster) })
	s.closing, s.close = context.WithCancel(context.Background())
	s.metrics = metrics.New(s.cfg.Registerer, s.limits.Connections)
	s.handler = s.routes()
	return s
}

// Handler returns the handler of all requests, for use with another http.Server.
func (s *Server) Handler() http.Handler { return s.handler }

// Run serves on a listener, which it closes, until ctx ends. Then it ends streams and waits at once, and drains other
// requests for at most DrainTimeout. It can be called once. It returns nil after a complete drain.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	defer s.close()
	go s.long.Run(s.closing, s.cfg.Access.Changed)
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: s.cfg.HeaderTimeout,
		// These timeouts apply to reads and writes of net/http itself. The handlers set their own deadlines.
		ReadTimeout:  s.cfg.HeaderTimeout + s.cfg.BodyTimeout,
		WriteTimeout: s.cfg.WriteTimeout,
		IdleTimeout:  s.cfg.IdleTimeout,

		ConnContext: listener.WithConnection,
		// Without HTTP/2: one of its connections has many streams, which the bounds on connections do not count.
		Protocols: new(http.Protocols),

		DisableGeneralOptionsHandler: true, // it reads a body of OPTIONS *
		MaxHeaderBytes:               s.cfg.MaxHeaderBytes,
		ErrorLog:                     errorLog(s.cfg.Logger),
	}
	srv.Protocols.SetHTTP1(true)
	l = listener.Listen(l, listener.Config{
		Connections: s.limits.Connections, Logger: s.cfg.Logger, TLS: s.cfg.TLS, HandshakeTimeout: s.cfg.HeaderTimeout,
	})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("api: serve: %w", err)
	case <-ctx.Done():
	}
	s.close()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.DrainTimeout)
	defer cancel()
	err := srv.Shutdown(drain)
	_ = <-served // http.ErrServerClosed
	if err != nil {
		return fmt.Errorf("api: drain timeout of %v exceeded, open requests were closed: %w", s.cfg.DrainTimeout, errors.Join(err, srv.Close()))
	}
	return nil
}
