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
	"slices"
	"strings"
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

// checkTLSFiles refuses files that no address uses: an address without https:// is probably a mistake.
func checkTLSFiles(cfg Config, addrs []endpoint) error {
	secured := func(a endpoint) bool { return strings.HasPrefix(a.base, "https://") }
	if slices.ContainsFunc(addrs, secured) {
		return nil
	}
	for _, file := range []struct{ field, path string }{{"CAFile", cfg.CAFile}, {"CertFile", cfg.CertFile}} {
		if file.path != "" {
			return fmt.Errorf("lockd: %s is set, but no address begins with https://", file.field)
		}
	}
	return nil
}

// explainTLS adds what to do to an error about a certificate of a node.
func explainTLS(err error) error {
	if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
		return fmt.Errorf("%w; set CAFile, or LOCKD_CACERT or --cacert of the command line, to the ca.crt of the cluster", err)
	}
	return err
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
