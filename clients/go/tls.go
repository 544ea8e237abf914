package lockd

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// tlsFiles are the TLS files of a Config. They are read again for a new connection if they have
// changed. If they cannot be read then, the last ones stay in use.
type tlsFiles struct {
	ca, cert, key string
	log           *slog.Logger

	// mu guards the rest.
	mu     sync.Mutex
	stamp  string
	config *tls.Config
	failed bool // the files could not be read, and a warning was logged
}

// newTLSFiles returns nil if the Config has no files.
func newTLSFiles(cfg Config) (*tlsFiles, error) {
	switch {
	case cfg.CAFile == "" && cfg.CertFile == "" && cfg.KeyFile == "":
		return nil, nil
	case (cfg.CertFile == "") != (cfg.KeyFile == ""):
		return nil, errors.New("lockd: CertFile and KeyFile need each other")
	}
	f := &tlsFiles{ca: cfg.CAFile, cert: cfg.CertFile, key: cfg.KeyFile, log: cmp.Or(cfg.Logger, slog.Default())}
	if _, err := f.current(); err != nil {
		return nil, err
	}
	return f, nil
}

// current returns the configuration of a new connection.
func (f *tlsFiles) current() (*tls.Config, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	stamp, err := f.look()
	if err == nil && stamp != f.stamp {
		var loaded *tls.Config
		if loaded, err = f.load(); err == nil {
			f.stamp, f.config = stamp, loaded
		}
	}
	if f.config == nil {
		return nil, fmt.Errorf("lockd: %w", err)
	}
	if err != nil && !f.failed {
		f.log.Warn("lockd: the TLS files cannot be read; the last ones are still used", "error", err)
	}
	f.failed = err != nil
	return f.config, nil
}

// look returns a text that changes when a file does.
func (f *tlsFiles) look() (stamp string, err error) {
	for _, path := range []string{f.ca, f.cert, f.key} {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		stamp += fmt.Sprintf("%d.%d ", info.ModTime().UnixNano(), info.Size())
	}
	return stamp, nil
}

func (f *tlsFiles) load() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if f.ca != "" {
		raw, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, err
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("%s contains no certificate in PEM form", f.ca)
		}
	}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, fmt.Errorf("%s and %s: %w", f.cert, f.key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// maxHandshake limits a TLS handshake.
const maxHandshake = 10 * time.Second

// dialTLS is dial for a connection with TLS.
func (f *tlsFiles) dialTLS(d dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		config, err := f.current()
		if err != nil {
			return nil, err
		}
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		config = config.Clone()
		config.ServerName = host
		conn, err := d.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		timeout, ok := ctx.Value(attemptTime{}).(time.Duration)
		if !ok || timeout > maxHandshake {
			timeout = maxHandshake
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		return secured, nil
	}
}
