package jwt

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"go.yaml.in/yaml/v3"

	"github.com/lockd/lockd/internal/access"
)

// Settings are the content of the file of --jwt-config.
type Settings struct {
	Issuer   string `yaml:"issuer"`   // the claim iss, exactly
	Audience string `yaml:"audience"` // one of the claim aud, exactly

	// Keys of the issuer: a file, or an address that begins with https://.
	JWKSFile   string `yaml:"jwks_file"`
	JWKSURL    string `yaml:"jwks_url"`
	JWKSCAFile string `yaml:"jwks_ca_file"` // authorities of JWKSURL; empty: those of the system

	Algorithms []jose.SignatureAlgorithm `yaml:"algorithms"` // default: all of those that are accepted
	Principals []Mapping                 `yaml:"principals"`
}

// A Mapping gives a principal to the tokens whose claims have all of some values. The first that matches counts.
type Mapping struct {
	Claims    map[string]string `yaml:"claims"`
	Principal string            `yaml:"principal"`
}

// accepted are the algorithms that a token may be signed with. None of them uses a shared secret.
func accepted() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.EdDSA, jose.ES256, jose.RS256}
}

// Parse reads settings.
func Parse(text []byte) (Settings, error) {
	var s Settings
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&s); err != nil {
		return s, err
	}
	if len(s.Algorithms) == 0 {
		s.Algorithms = accepted()
	}
	return s, s.check()
}

func (s *Settings) check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if s.Issuer == "" {
		wrong("issuer is required: the claim iss of the tokens")
	}
	if s.Audience == "" {
		wrong("audience is required: a token for another service must not be accepted here")
	}
	if (s.JWKSFile == "") == (s.JWKSURL == "") {
		wrong("one of jwks_file and jwks_url is required")
	}
	if u, err := url.Parse(s.JWKSURL); s.JWKSURL != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil) {
		wrong("jwks_url must begin with https:// and have no user")
	}
	for _, a := range s.Algorithms {
		if !slices.Contains(accepted(), a) {
			wrong("algorithm %q is not accepted; use EdDSA, ES256 or RS256", a)
		}
	}
	if len(s.Principals) == 0 {
		wrong("principals is required: a list of claims and the principal that they lead to")
	}
	for i, m := range s.Principals {
		if len(m.Claims) == 0 {
			wrong("principals[%d] has no claims, so that it would match every token", i)
		}
		if err := access.CheckPrincipal(m.Principal); err != nil {
			wrong("principals[%d]: %w", i, err)
		}
	}
	return errors.Join(errs...)
}
