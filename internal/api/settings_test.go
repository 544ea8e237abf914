package api_test

import (
	"crypto/tls"
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/pki"
	"github.com/lockd/lockd/test/harness/certs"
)

// setting is where and when a caller sends a request.
type setting struct {
	mode       access.Mode
	tls        *secured // nil: plain HTTP
	lags       bool     // the node does not know yet what was created last
	leaderless bool
	senders    []sender
}

func (s setting) String() string {
	text := s.mode.String()
	if s.tls != nil {
		text += ", TLS"
	}
	if s.lags {
		text += ", a node that lags"
	}
	if s.leaderless {
		text += ", no leader"
	}
	return text
}

// sender is a caller that may have a client certificate, too.
type sender struct {
	identity
	certificate string // its principal, or ""
}

// settings returns the settings other than a leader without TLS, with the identities that differ there.
func settings(t *testing.T) []setting {
	t.Helper()
	s := newSecured(t)
	nothing := func(*world) string { return "" }
	principal := func(rules ...string) func(*world) string {
		return func(w *world) string { w.token(w, "caller", rules...); return "" }
	}
	all := oneOf("any", "read", "acquire", "operate", "admin", "metrics")
	byCertificate := []sender{
		{identity{"the certificate of no principal", nothing, false, nil}, "no-principal"},
		{identity{"the certificate of a reader", principal("read:job", "read:other"), true, oneOf("any", "read")}, "caller"},
		{identity{"the certificate of an administrator", principal("admin"), true, all}, "caller"},
		{identity{"the certificate of an administrator and a bad token", func(*world) string { return "Bearer lockd_" }, false, nil}, "ops"},
		{identity{"the certificate of an administrator and the token of a scraper", func(w *world) string { return w.token(w, "caller", "metrics") }, true, oneOf("any", "metrics")}, "ops"},
	}
	var tokens, others []sender
	for _, id := range identities() {
		switch id.name {
		case "a mistyped token", "a revoked token", "a reader", "an administrator", "another tenant":
			tokens = append(tokens, sender{identity: id})
		case "no credential", "a JSON Web Token":
			others = append(others, sender{identity: id})
		}
	}
	return []setting{
		{mode: access.On, tls: s, senders: slices.Concat(byCertificate, others[:1], tokens[2:3])},
		{mode: access.On, tls: s, leaderless: true, senders: byCertificate[:3]},
		{mode: access.On, leaderless: true, senders: slices.Concat(tokens, others)},
		{mode: access.On, lags: true, senders: tokens},
	}
}

// configure sets what the server needs.
func (s setting) configure(c *api.Config) {
	if s.tls != nil {
		c.TLS, c.ClientName = s.tls.store.HTTPServer(), s.tls.store.Principal
	}
}

// connect makes the client of a world use TLS, with the certificate of a principal.
func (s setting) connect(w *world, principal string) {
	if s.tls == nil {
		return
	}
	w.url = "https://" + w.addr
	to := w.client.Transport.(*http.Transport)
	to.TLSClientConfig = s.tls.trust.Clone()
	if principal != "" {
		to.TLSClientConfig.Certificates = []tls.Certificate{s.tls.clients[principal]}
	}
}

// before is called before the credential of the caller is created, and after it.
func (s setting) before(w *world) {
	if s.lags {
		w.set(func(n *node) { n.behind = n.machine.Access().Copy() })
	}
}

func (s setting) after(w *world) {
	if s.leaderless {
		w.set(func(n *node) { n.fail = fsm.ErrNoLeader })
	}
}

// secured has the certificates of a server and of its clients.
type secured struct {
	store   *pki.Store
	trust   *tls.Config
	clients map[string]tls.Certificate // by principal
}

func newSecured(t *testing.T) *secured {
	t.Helper()
	cluster := certs.New(t, "demo")
	s := &secured{store: cluster.Store("n1"), clients: make(map[string]tls.Certificate)}
	s.trust = cluster.HTTPClient(cluster.Dir).Transport.(*http.Transport).TLSClientConfig
	for _, principal := range []string{"caller", "ops", "no-principal"} {
		dir := cluster.Client(principal)
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, pki.ClientFile), filepath.Join(dir, pki.ClientKey))
		if err != nil {
			t.Fatal(err)
		}
		s.clients[principal] = pair
	}
	return s
}
