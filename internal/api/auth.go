package api

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

// Access is the interface of the node for credentials.
type Access interface {
	// Auth returns whether requests need credentials.
	Auth() fsm.AuthMode
	// Token returns a token and what it allows now, or nil if this node has none with that ID.
	Token(id string) (*fsm.Token, access.Rules)
	// Rules returns what a principal may do, or nil if there is no such principal.
	Rules(principal string) access.Rules
	// Principals and Tokens return all of them, by name and by ID.
	Principals() []*fsm.Principal
	Tokens() []*fsm.Token
	// CatchUp waits until this node has applied what the cluster had committed when it was called.
	CatchUp(ctx context.Context) error
}

// Caller is the sender of a request.
type Caller struct {
	Principal string
	TokenID   string
	Auth      string // token, cert or none
	rules     access.Rules
	open      bool // no credential is needed: everything is allowed
}

// Kinds of credentials, as the audit log shows them.
const (
	authNone  = "none"
	authToken = "token"
	authCert  = "cert"

	authSocket = "socket"
)

var (
	errNoCredential = errors.New("no credential")
	errBadToken     = errors.New("invalid token")
	errExpired      = errors.New("expired token")
	errUnknown      = errors.New("unknown token")
	errBadCert      = errors.New("certificate of no principal")
)

// maxAuthorization bounds the Authorization header.
const maxAuthorization = 8 << 10

// authMode returns whether requests need credentials.
func (s *Server) authMode() fsm.AuthMode {
	if s.cfg.Access == nil {
		return fsm.AuthOff
	}
	return s.cfg.Access.Auth()
}

// admit authenticates the sender of a request and checks that it has the route's right on some lease. If not, it sends
// the answer and returns false.
func (c *call) admit(right access.Right, mode fsm.AuthMode) bool {
	c.right, c.mode = right, mode
	if c.r.Context().Value(socketKey{}) != nil {
		c.caller = Caller{Auth: authSocket, open: true}
		return true
	}
	if mode == fsm.AuthOff || right == access.None {
		c.caller = Caller{Auth: authNone, open: true}
		return true
	}
	if c.s.failures.locked(host(c.r.RemoteAddr), time.Now()) {
		return c.deny(kindRateLimited, "too many failed authentications")
	}
	caller, err := c.s.authenticate(c.r)
	if err != nil {
		return c.deny(kindUnauthenticated, err.Error())
	}
	if !caller.rules.AllowSome(right) {
		return c.deny(kindNotAllowed, "no rule with "+right.String())
	}
	c.caller = caller
	return true
}

// allow checks that the caller has the route's right on leases. If not, it sends the answer and returns false.
func (c *call) allow(names ...string) bool {
	for _, name := range names {
		if !c.sees(c.right, name) {
			return c.deny(kindNotAllowed, "no rule with "+c.right.String()+" for the lease")
		}
	}
	return true
}

// sees reports whether the caller has a right on a lease.
func (c *call) sees(right access.Right, name string) bool {
	return c.caller.open || c.caller.rules.Allow(right, name)
}

// deny refuses a request, unless the cluster is permissive: then it is counted and served.
func (c *call) deny(k kind, reason string) bool {
	if c.mode == fsm.AuthPermissive {
		c.s.metrics.wouldDeny.WithLabelValues(string(k)).Inc()
		c.s.cfg.Logger.Info("this request would be refused with auth enabled", "problem", k, "reason", reason,
			"principal", c.caller.Principal, "from", host(c.r.RemoteAddr), "request_id", c.id)
		c.caller.open = true
		return true
	}
	if k == kindUnauthenticated {
		c.Header()["Www-Authenticate"] = []string{"Bearer"}
		if !c.s.failures.allow(host(c.r.RemoteAddr), time.Now()) {
			k = kindRateLimited
		}
	}
	c.fail(k)
	return false
}

// authenticate resolves the credential of a request: a token, or else a client's certificate.
func (s *Server) authenticate(r *http.Request) (Caller, error) {
	values := r.Header["Authorization"]
	switch {
	case len(values) > 1 || len(values) == 1 && len(values[0]) > maxAuthorization:
		return Caller{}, errBadToken
	case len(values) == 1:
		scheme, text, _ := strings.Cut(values[0], " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return Caller{}, errBadToken
		}
		return s.byToken(r.Context(), strings.TrimSpace(text))
	case r.TLS != nil && len(r.TLS.PeerCertificates) > 0 && s.cfg.ClientName != nil:
		return s.byCertificate(r.TLS)
	}
	return Caller{}, errNoCredential
}

func (s *Server) byToken(ctx context.Context, text string) (Caller, error) {
	token, err := access.ParseToken(text)
	if err != nil {
		return Caller{}, errBadToken
	}
	stored, rules := s.cfg.Access.Token(token.ID)
	if stored == nil { // this node may lag behind the one that made it
		ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
		defer cancel()
		if s.cfg.Access.CatchUp(ctx) == nil {
			stored, rules = s.cfg.Access.Token(token.ID)
		}
	}
	switch {
	case stored == nil:
		return Caller{}, errUnknown
	case !token.Is(stored.Hash):
		return Caller{}, errBadToken
	case stored.Expires != 0 && time.Now().UnixMilli() >= stored.Expires:
		return Caller{}, errExpired
	}
	return Caller{Principal: stored.Principal, TokenID: stored.ID, Auth: authToken, rules: rules}, nil
}

func (s *Server) byCertificate(state *tls.ConnectionState) (Caller, error) {
	name, err := s.cfg.ClientName(state)
	if err != nil {
		return Caller{}, errBadCert
	}
	rules := s.cfg.Access.Rules(name)
	if rules == nil {
		return Caller{}, errBadCert
	}
	return Caller{Principal: name, Auth: authCert, rules: rules}, nil
}
