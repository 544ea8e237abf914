package auth

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/access"
)

// A Directory has the principals and tokens, as this node knows them.
type Directory interface {
	// Token returns the record of a token and what it allows now, or nil if there is none with that ID.
	Token(id string) (*access.Record, access.Rules)
	// Rules returns what a principal may do, or nil if there is no such principal.
	Rules(principal string) access.Rules
	// CatchUp waits until the directory has all that was committed when it was called.
	CatchUp(ctx context.Context) error
}

// A Verifier verifies JSON Web Tokens.
type Verifier interface {
	// Verify returns the principal of a token, and when the token expires.
	Verify(ctx context.Context, token string) (principal string, expires time.Time, err error)
}

// Config are the settings of an Authenticator.
type Config struct {
	Directory Directory
	JWT       Verifier // nil: no JSON Web Token is accepted

	// ClientName returns the principal that the certificate of a client names, or "" if it sent none; nil: the server has
	// no TLS.
	ClientName func(*tls.ConnectionState) (string, error)

	// Timeout bounds how long an unknown token is looked up at the leader, in addition to the request's context.
	Timeout time.Duration
	Now     func() time.Time // default time.Now
}

// The kinds of credentials, as the audit log shows them.
const (
	ByNothing     = "none"
	ByToken       = "token"
	ByCertificate = "cert"
	ByJWT         = "jwt"
	BySocket      = "socket"
)

// An Identity is who sends a request.
type Identity struct {
	access.Caller
	By      string // the kind of the credential
	Rules   access.Rules
	Expires time.Time // zero: the credential does not expire
}

// The errors of Authenticate. They never contain a part of a credential.
var (
	ErrNone        = errors.New("the request has no credential")
	ErrForm        = errors.New("the Authorization header is not of the form: Bearer TOKEN")
	ErrToken       = errors.New("the token is unknown, mistyped or revoked")
	ErrExpired     = errors.New("the token has expired")
	ErrJWT         = errors.New("the JSON Web Token is not valid here")
	ErrCertificate = errors.New("the certificate names no principal of this cluster")
	ErrPrincipal   = errors.New("there is no principal of the credential's name")
	ErrLocked      = errors.New("too many failed authentications of the address")
)

// maxAuthorization bounds the Authorization header in bytes.
const maxAuthorization = 8 << 10

// An Authenticator resolves credentials. It is safe for concurrent use.
type Authenticator struct {
	cfg      Config
	failures failures
}

// New returns an authenticator.
func New(cfg Config) *Authenticator {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Authenticator{cfg: cfg}
}

// Authenticate returns the sender of a request from an address. A token in the Authorization header is used rather than
// a certificate. What fails too often at an address is refused without an expensive lookup; a token that this node knows
// is always valid.
func (a *Authenticator) Authenticate(r *http.Request, address string) (Identity, error) {
	values := r.Header["Authorization"]
	switch {
	case len(values) > 1 || len(values) == 1 && len(values[0]) > maxAuthorization:
		return Identity{}, ErrForm
	case len(values) == 1:
		scheme, text, _ := strings.Cut(values[0], " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return Identity{}, ErrForm
		}
		return a.byBearer(r.Context(), address, strings.TrimSpace(text))
	case r.TLS != nil && len(r.TLS.PeerCertificates) > 0 && a.cfg.ClientName != nil:
		return a.byCertificate(r.TLS)
	}
	return Identity{}, ErrNone
}

// Again returns the identity of a caller as it is now, or an error if its credential is no longer valid.
func (a *Authenticator) Again(was Identity) (Identity, error) {
	switch {
	case was.By == ByNothing || was.By == BySocket:
		return was, nil
	case !was.Expires.IsZero() && !a.cfg.Now().Before(was.Expires):
		return Identity{}, ErrExpired
	case was.By == ByToken:
		record, rules := a.cfg.Directory.Token(was.TokenID)
		if record == nil || record.Principal != was.Principal {
			return Identity{}, ErrToken
		}
		was.Rules = rules
		return was, nil
	}
	return a.ofPrincipal(was)
}

func (a *Authenticator) byBearer(ctx context.Context, address, text string) (Identity, error) {
	token, err := access.ParseToken(text)
	switch {
	case err == nil:
		return a.byToken(ctx, address, token)
	case access.LooksLikeToken(text) || a.cfg.JWT == nil:
		return Identity{}, ErrToken
	}
	return a.byJWT(ctx, address, text)
}

func (a *Authenticator) byJWT(ctx context.Context, address, text string) (Identity, error) {
	sum := sha256.Sum256([]byte(text))
	credential := string(sum[:8])
	principal, expires, err := a.cfg.JWT.Verify(ctx, text) // first: others at the address must not lock out a valid one
	if err != nil && a.failures.locked(address, credential, a.cfg.Now()) {
		return Identity{}, ErrLocked
	}
	if err != nil {
		a.failures.failed(address, credential, a.cfg.Now())
		return Identity{}, fmt.Errorf("%w: %w", ErrJWT, err)
	}
	return a.ofPrincipal(Identity{Caller: access.Caller{Principal: principal}, By: ByJWT, Expires: expires})
}

func (a *Authenticator) byToken(ctx context.Context, address string, token access.Token) (Identity, error) {
	record, rules := a.cfg.Directory.Token(token.ID)
	if record == nil { // this node may lag behind the one that created it
		if a.failures.locked(address, token.ID, a.cfg.Now()) {
			return Identity{}, ErrLocked
		}
		ctx, cancel := context.WithTimeout(ctx, a.cfg.Timeout)
		defer cancel()
		if a.cfg.Directory.CatchUp(ctx) == nil {
			record, rules = a.cfg.Directory.Token(token.ID)
		}
	}
	switch {
	case record == nil || !token.Is(record.Hash):
		a.failures.failed(address, token.ID, a.cfg.Now())
		return Identity{}, ErrToken
	case record.Expired(a.cfg.Now().UnixMilli()):
		return Identity{}, ErrExpired
	}
	id := Identity{Caller: access.Caller{Principal: record.Principal, TokenID: record.ID}, By: ByToken, Rules: rules}
	if record.Expires != 0 {
		id.Expires = time.UnixMilli(record.Expires)
	}
	return id, nil
}

func (a *Authenticator) byCertificate(state *tls.ConnectionState) (Identity, error) {
	name, err := a.cfg.ClientName(state)
	if err != nil || name == "" {
		return Identity{}, ErrCertificate
	}
	expires := state.PeerCertificates[0].NotAfter
	if !a.cfg.Now().Before(expires) {
		return Identity{}, ErrExpired
	}
	return a.ofPrincipal(Identity{Caller: access.Caller{Principal: name}, By: ByCertificate, Expires: expires})
}

// ofPrincipal completes an identity with the rules of its principal.
func (a *Authenticator) ofPrincipal(id Identity) (Identity, error) {
	if id.Rules = a.cfg.Directory.Rules(id.Principal); id.Rules == nil {
		return Identity{}, ErrPrincipal
	}
	return id, nil
}
