package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/cluster"
	"github.com/lockd/lockd/internal/pki"
)

// Security are the settings that protect the listeners.
type Security struct {
	TLSDir   string // ca.crt, client-ca.crt, node.crt and node.key; empty: no TLS
	PeerTLS  string // off, allow or require; empty: require with TLSDir, else off
	Insecure bool   // listeners beyond loopback need no TLS

	AuditLog           string // the path of the audit log, or - for stdout; empty: it is in memory only
	AuditReads         bool   // the audit log has reads, too
	BootstrapTokenFile string // the token that a new cluster begins with
	JWTConfig          string // the path of the settings for JSON Web Tokens; empty: none is accepted
}

// peerTLS returns the mode of the peer port.
func (s *Security) peerTLS() cluster.PeerTLS {
	switch {
	case s.PeerTLS != "":
		return cluster.PeerTLS(s.PeerTLS)
	case s.TLSDir != "":
		return cluster.PeerTLSRequire
	}
	return cluster.PeerTLSOff
}

// A listener is one of the two listeners, for startAllowed.
type listener struct {
	flag    string // its setting
	address string
	reach   string // what everyone who connects can do
	instead string // the way out that is neither TLS nor --insecure
}

// CheckListeners returns an error if the settings of the listeners do not protect them. It opens nothing.
func (c *Config) CheckListeners() error {
	if c.PeerTLS != "" && c.peerTLS() != cluster.PeerTLSOff && c.TLSDir == "" {
		return fmt.Errorf("--peer-tls %s: also needs --tls-dir", c.PeerTLS)
	}
	for _, l := range []struct {
		listener
		secured bool
	}{
		{listener{"--http-addr", c.HTTPAddr, "change every lease", "a proxy with TLS on this machine and --http-addr 127.0.0.1:7400"}, c.TLSDir != ""},
		{listener{"--peer-addr", c.PeerAddr, "act as a node", "--peer-addr 127.0.0.1:7401 if this is the only node"}, c.peerTLS() == cluster.PeerTLSRequire},
	} {
		if err := startAllowed(l.listener, l.secured, c.Insecure); err != nil {
			return err
		}
	}
	return nil
}

// startAllowed returns an error if a listener may not start: it is reachable from other machines, does not require TLS,
// and the operator has not accepted that. Whether clients need credentials is not known at the start: the cluster
// decides it, and the first token is made on a running node. See exposure.
func startAllowed(l listener, secured, insecure bool) error {
	if secured || insecure || onLoopback(l.address) {
		return nil
	}
	return fmt.Errorf("%s %s accepts connections from other machines without TLS, so everyone who can connect could %s; use "+
		"(1) TLS: make certificates with 'lockd tls init' and pass --tls-dir, or (2) %s, or (3) --insecure on a network that you trust",
		l.flag, l.address, l.reach, l.instead)
}

// onLoopback reports whether an address to listen on is of this machine only. It resolves no name except localhost.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// exposure is how a running node is open to other machines.
type exposure struct {
	insecure bool
	open     bool // every client that can connect from another machine may do everything
}

// exposure returns how the node is open.
func (a *App) exposure() exposure {
	return exposure{insecure: a.cfg.Insecure, open: !onLoopback(a.cfg.HTTPAddr) && a.node.Access().Mode() != access.On}
}

func (a *App) logSecurity() {
	if a.cfg.Insecure {
		a.cfg.Log.Warn("--insecure: listeners need no TLS, so their traffic is readable and everyone who can connect can change leases and act as a node",
			"http_addr", a.cfg.HTTPAddr, "peer_addr", a.cfg.PeerAddr)
	}
}

// openFor is how long a node that is open to everyone waits before it warns: after a restart it learns only from the log
// that authentication is enabled.
const openFor = 10 * time.Second

// warnIfOpen logs a warning if the node is open to everyone who can connect.
func (a *App) warnIfOpen(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(openFor):
	}
	if a.exposure().open {
		a.cfg.Log.Warn("open to everyone who can connect: clients need no credentials; lockd token create NAME --admin and lockd auth enable change that",
			"http_addr", a.cfg.HTTPAddr)
	}
}

func (s *Security) scheme() string {
	if s.TLSDir != "" {
		return "https://"
	}
	return "http://"
}

// webAddress returns the address that clients use. It has a scheme if that is not http.
func (s *Security) webAddress(address string) string {
	if s.TLSDir != "" {
		return s.scheme() + address
	}
	return address
}

// openTLS loads the certificates. It returns nil if there is no directory.
func (c *Config) openTLS() (*pki.Store, error) {
	if c.TLSDir == "" {
		return nil, nil
	}
	s, err := pki.Open(pki.Config{Dir: c.TLSDir, Logger: c.Log})
	if err != nil {
		return nil, fmt.Errorf("--tls-dir %s: %w", c.TLSDir, err)
	}
	return s, nil
}

// peerSecurity returns the TLS of the peer port.
func (a *App) peerSecurity() *cluster.Security {
	c, s := &a.cfg, a.tls
	if s == nil || c.peerTLS() == cluster.PeerTLSOff {
		return nil
	}
	seen := &a.serials
	return &cluster.Security{
		Mode: c.peerTLS(), Own: s.Current().Identity.Name, Name: s.NodeName, Log: c.Log,
		Server: func() *tls.Config { return s.PeerServer(seen.admit) },
		Client: func() *tls.Config { return s.PeerClient(seen.admit) },
		Serial: seen.get,
	}
}

// maxSerials bounds the nodes whose certificates are remembered.
const maxSerials = 1_000

// serials has the serial numbers of the certificates that nodes were last seen with.
type serials struct {
	node atomic.Pointer[cluster.Node] // has those that are denied; nil while it starts

	mu sync.Mutex
	of map[string]string // by the name of the node
}

// admit refuses a certificate that is denied, and remembers the others.
func (s *serials) admit(id pki.Identity, cert *x509.Certificate) error {
	serial := cert.SerialNumber.Text(16)
	if n := s.node.Load(); n != nil && n.Access().Denied(serial) {
		return fmt.Errorf("the certificate of %s with serial %s is denied: the node was removed; make a new one with lockd tls node", id.Name, serial)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = make(map[string]string)
	}
	if _, known := s.of[id.Name]; known || len(s.of) < maxSerials {
		s.of[id.Name] = serial
	}
	return nil
}

func (s *serials) get(node string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of[node]
}

// Reload loads the certificates again if they have changed, and opens the audit log again. It logs an error, and what
// was in use stays in use.
func (a *App) Reload() {
	if a.tls != nil {
		a.tls.ReloadAndLog()
	}
	if err := a.audit.Reopen(); err != nil {
		a.cfg.Log.Error("the audit log was not opened again: the open file stays in use", "err", err)
	}
}

// exportSecurity registers the metrics of the settings.
func (a *App) exportSecurity() {
	insecure := prometheus.NewGauge(prometheus.GaugeOpts{Name: "lockd_insecure", Help: "1 if the node runs with --insecure."})
	if a.cfg.Insecure {
		insecure.Set(1)
	}
	a.cfg.Registry.MustRegister(insecure)
	if a.tls == nil {
		return
	}
	for _, file := range []string{pki.CAFile, pki.ClientCAFile, pki.NodeFile} {
		a.cfg.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lockd_tls_expiry_seconds", Help: "How long the certificate that ends first in a file of --tls-dir is still valid.",
			ConstLabels: prometheus.Labels{"cert": file},
		}, func() float64 { return a.tls.Remaining(file).Seconds() }))
	}
}
