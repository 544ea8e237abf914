package jwt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	tolerance = time.Minute    // of nbf and iat
	maxLife   = 24 * time.Hour // from now to exp
)

// Config configures a Verifier.
type Config struct {
	Settings
	Log  *slog.Logger     // nil: nothing is logged
	Now  func() time.Time // default time.Now
	HTTP *http.Client     // for jwks_url; nil: one that follows no redirect
}

// A Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	cfg  Config
	keys *keys
}

// New returns a verifier. It reads the keys. An issuer that does not answer is no error: the keys are read with the first
// token.
func New(ctx context.Context, cfg Config) (*Verifier, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	v := &Verifier{cfg: cfg, keys: &keys{now: cfg.Now, log: cfg.Log}}
	if cfg.JWKSFile != "" {
		v.keys.read = fromFile(cfg.JWKSFile)
	} else {
		client, err := cfg.client()
		if err != nil {
			return nil, err
		}
		v.keys.read = fromURL(client, cfg.JWKSURL)
	}
	err := v.keys.refresh(ctx)
	if err != nil && cfg.JWKSFile != "" {
		return nil, fmt.Errorf("the keys of %s: %w", cfg.Issuer, err)
	}
	if err != nil { // the issuer may be down: the first token tries again
		cfg.Log.Warn("the keys of the issuer of JSON Web Tokens were not read", "issuer", cfg.Issuer, "err", err)
	}
	return v, nil
}

func (c *Config) client() (*http.Client, error) {
	if c.HTTP != nil {
		return c.HTTP, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.JWKSCAFile != "" {
		raw, err := os.ReadFile(c.JWKSCAFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("%s has no certificate", c.JWKSCAFile)
		}
	}
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// Verify returns the principal of a token, and when the token expires. Its errors contain no part of the token.
func (v *Verifier) Verify(ctx context.Context, token string) (principal string, expires time.Time, err error) {
	parsed, err := jwt.ParseSigned(token, v.cfg.Algorithms)
	if err != nil || len(parsed.Headers) != 1 {
		return "", time.Time{}, errors.New("it is not a JSON Web Token with an accepted algorithm")
	}
	header := parsed.Headers[0]
	if header.KeyID == "" {
		return "", time.Time{}, errors.New("it has no kid")
	}
	key, err := v.keys.find(ctx, header.KeyID, algorithmOf(header.Algorithm))
	if err != nil {
		return "", time.Time{}, err
	}
	var claims jwt.Claims
	others := make(map[string]any)
	if err := parsed.Claims(key, &claims, &others); err != nil {
		return "", time.Time{}, errors.New("its signature or its claims are wrong")
	}
	if err := v.check(&claims); err != nil {
		return "", time.Time{}, err
	}
	if principal = v.principal(others); principal == "" {
		return "", time.Time{}, errors.New("its claims lead to no principal")
	}
	return principal, claims.Expiry.Time(), nil
}

// check checks the registered claims.
func (v *Verifier) check(c *jwt.Claims) error {
	now := v.cfg.Now()
	switch {
	case c.Issuer != v.cfg.Issuer:
		return errors.New("it is of another issuer")
	case !c.Audience.Contains(v.cfg.Audience):
		return errors.New("it is for another audience")
	case c.Expiry == nil:
		return errors.New("it has no exp")
	case !now.Before(c.Expiry.Time()):
		return errors.New("it has expired")
	case c.Expiry.Time().Sub(now) > maxLife:
		return errors.New("its exp is more than 24 hours ahead")
	case c.NotBefore != nil && c.NotBefore.Time().Sub(now) > tolerance:
		return errors.New("it is not valid yet")
	case c.IssuedAt != nil && c.IssuedAt.Time().Sub(now) > tolerance:
		return errors.New("its iat is in the future")
	}
	return nil
}

// principal returns the principal of the first mapping whose claims the token has, or "".
func (v *Verifier) principal(claims map[string]any) string {
	for _, m := range v.cfg.Principals {
		matches := true
		for name, want := range m.Claims {
			got, isText := claims[name].(string)
			matches = matches && isText && got == want
		}
		if matches {
			return m.Principal
		}
	}
	return ""
}
