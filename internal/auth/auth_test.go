package auth

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/access"
)

// directory has one principal, app, and what is in late after CatchUp.
type directory struct {
	table   *access.Table
	late    *access.Change
	lookups int
}

func (d *directory) Token(id string) (*access.Record, access.Rules) {
	if r := d.table.Token(id); r != nil {
		return r, d.table.RulesOf(r)
	}
	return nil, nil
}

func (d *directory) Rules(principal string) access.Rules {
	if p := d.table.Principal(principal); p != nil {
		return p.Rules
	}
	return nil
}

func (d *directory) CatchUp(context.Context) error {
	d.lookups++
	if d.late != nil {
		d.table.Apply(*d.late, 1, 0)
	}
	return nil
}

type verifier struct{ principal string }

func (v verifier) Verify(context.Context, string) (string, time.Time, error) {
	if v.principal == "" {
		return "", time.Time{}, errors.New("its signature is wrong")
	}
	return v.principal, now.Add(time.Hour), nil
}

var now = time.UnixMilli(1_800_000_000_000)

func newDirectory(t *testing.T) *directory {
	t.Helper()
	d := &directory{table: access.NewTable()}
	d.change(t, access.Change{Kind: access.SetPrincipal, Principal: access.Principal{Name: "app", Rules: access.Rules{{Right: access.Read, Scope: "*"}}}})
	return d
}

func (d *directory) change(t *testing.T, c access.Change) {
	t.Helper()
	if o, _ := d.table.Apply(c, 1, 0); o != access.Done {
		t.Fatal(o)
	}
}

// newToken returns a token, and the change that adds it.
func newToken(t *testing.T, expires time.Time) (access.Token, access.Change) {
	t.Helper()
	token, err := access.NewToken(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := access.Record{ID: token.ID, Hash: token.Hash(), Principal: "app"}
	if !expires.IsZero() {
		r.Expires = expires.UnixMilli()
	}
	return token, access.Change{Kind: access.AddToken, Token: r}
}

func request(headers ...string) *http.Request {
	r := &http.Request{Header: http.Header{}}
	for _, h := range headers {
		r.Header.Add("Authorization", h)
	}
	return r
}

func TestCredentials(t *testing.T) {
	d := newDirectory(t)
	valid, add := newToken(t, time.Time{})
	d.change(t, add)
	short, add := newToken(t, now.Add(time.Minute))
	d.change(t, add)
	over, add := newToken(t, now)
	d.change(t, add)
	unknown, _ := newToken(t, time.Time{})
	withCert := func(name string) *http.Request {
		r := request()
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{NotAfter: now.Add(time.Hour)}}, ServerName: name}
		return r
	}
	a := New(Config{
		Directory: d, Now: func() time.Time { return now }, Timeout: time.Second,
		ClientName: func(s *tls.ConnectionState) (string, error) {
			if s.ServerName == "node" {
				return "", errors.New("the certificate is one of a node")
			}
			return s.ServerName, nil
		},
	})
	for name, test := range map[string]struct {
		r    *http.Request
		by   string
		want error
	}{
		"nothing":             {request(), "", ErrNone},
		"a token":             {request("Bearer " + valid.Secret()), ByToken, nil},
		"in lower case":       {request("bearer " + valid.Secret()), ByToken, nil},
		"one that expires":    {request("Bearer " + short.Secret()), ByToken, nil},
		"one that has":        {request("Bearer " + over.Secret()), "", ErrExpired},
		"an unknown one":      {request("Bearer " + unknown.Secret()), "", ErrToken},
		"a mistyped one":      {request("Bearer " + valid.Secret() + "x"), "", ErrToken},
		"two":                 {request("Bearer "+valid.Secret(), "Bearer "+valid.Secret()), "", ErrForm},
		"a long one":          {request("Bearer " + strings.Repeat("x", 9<<10)), "", ErrForm},
		"another scheme":      {request("Basic " + valid.Secret()), "", ErrForm},
		"a JWT, not accepted": {request("Bearer a.b.c"), "", ErrToken},
		"a certificate":       {withCert("app"), ByCertificate, nil},
		"a node's":            {withCert("node"), "", ErrCertificate},
		"of no principal":     {withCert("other"), "", ErrPrincipal},
	} {
		id, err := a.Authenticate(test.r, "10.0.0.1")
		if !errors.Is(err, test.want) || test.want == nil && (id.Principal != "app" || id.By != test.by || len(id.Rules) == 0) {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
		if err != nil && strings.Contains(err.Error(), valid.Secret()[20:30]) {
			t.Errorf("%s: the error has a part of the token: %v", name, err)
		}
	}
}

// TestUnknownTokenIsLookedUpOnce: the node may lag behind the one that created it.
func TestUnknownTokenIsLookedUpOnce(t *testing.T) {
	d := newDirectory(t)
	token, add := newToken(t, time.Time{})
	d.late = &add
	a := New(Config{Directory: d, Now: func() time.Time { return now }, Timeout: time.Second})
	for range 3 {
		if id, err := a.Authenticate(request("Bearer "+token.Secret()), "10.0.0.1"); err != nil || id.TokenID != token.ID {
			t.Fatalf("%+v, %v", id, err)
		}
	}
	if d.lookups != 1 {
		t.Errorf("%d lookups", d.lookups)
	}
}

// TestFailuresAreLockedByAddressAndCredential: a client with a revoked token never locks out the token that replaces it,
// nor another address.
func TestFailuresAreLockedByAddressAndCredential(t *testing.T) {
	d := newDirectory(t)
	clock := now
	a := New(Config{Directory: d, Now: func() time.Time { return clock }, Timeout: time.Second, JWT: verifier{}})
	revoked, _ := newToken(t, time.Time{})
	try := func(address, credential string) error {
		_, err := a.Authenticate(request("Bearer "+credential), address)
		return err
	}
	for range maxFailures {
		if err := try("10.0.0.1", revoked.Secret()); !errors.Is(err, ErrToken) {
			t.Fatal(err)
		}
	}
	before := d.lookups
	if err := try("10.0.0.1", revoked.Secret()); !errors.Is(err, ErrLocked) || d.lookups != before {
		t.Errorf("after %d failures: %v, %d lookups more", maxFailures, err, d.lookups-before)
	}
	if err := try("10.0.0.2", revoked.Secret()); !errors.Is(err, ErrToken) {
		t.Errorf("another address: %v", err)
	}
	replacement, add := newToken(t, time.Time{})
	d.change(t, add)
	if err := try("10.0.0.1", replacement.Secret()); err != nil {
		t.Errorf("another token: %v", err)
	}
	for i := range 2 * maxFailures { // guesses
		guess, _ := newToken(t, time.Time{})
		if err := try("10.0.0.3", guess.Secret()); errors.Is(err, ErrLocked) != (i >= maxFailures) {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if err := try("10.0.0.3", replacement.Secret()); err != nil {
		t.Errorf("a known token at a locked address: %v", err)
	}
	if err := try("10.0.0.3", "a.b.c"); !errors.Is(err, ErrLocked) {
		t.Errorf("a bad JSON Web Token at a locked address: %v", err)
	}
	a.cfg.JWT = verifier{"app"}
	if err := try("10.0.0.3", "d.e.f"); err != nil {
		t.Errorf("a valid JSON Web Token at a locked address: %v", err)
	}
	clock = clock.Add(failureWindow)
	if err := try("10.0.0.1", revoked.Secret()); !errors.Is(err, ErrToken) {
		t.Errorf("a minute later: %v", err)
	}
}

func TestIdentityIsCheckedAgain(t *testing.T) {
	d := newDirectory(t)
	clock := now
	token, add := newToken(t, now.Add(time.Minute))
	d.change(t, add)
	a := New(Config{Directory: d, Now: func() time.Time { return clock }, Timeout: time.Second, JWT: verifier{"app"}})
	byToken, err := a.Authenticate(request("Bearer "+token.Secret()), "10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	byJWT, err := a.Authenticate(request("Bearer a.b.c"), "10.0.0.1")
	if err != nil || byJWT.By != ByJWT {
		t.Fatalf("%+v, %v", byJWT, err)
	}
	for _, id := range []Identity{byToken, byJWT, {By: ByNothing}, {By: BySocket}} {
		if again, err := a.Again(id); err != nil || again.Principal != id.Principal {
			t.Errorf("%s: %+v, %v", id.By, again, err)
		}
	}
	d.change(t, access.Change{Kind: access.DeleteToken, Token: access.Record{ID: token.ID}})
	if _, err := a.Again(byToken); !errors.Is(err, ErrToken) {
		t.Errorf("after the revocation: %v", err)
	}
	clock = clock.Add(2 * time.Hour)
	if _, err := a.Again(byJWT); !errors.Is(err, ErrExpired) {
		t.Errorf("after its end: %v", err)
	}
	clock = now
	d.change(t, access.Change{Kind: access.DeletePrincipal, Principal: access.Principal{Name: "app"}})
	if _, err := a.Again(byJWT); !errors.Is(err, ErrPrincipal) {
		t.Errorf("without its principal: %v", err)
	}
}
