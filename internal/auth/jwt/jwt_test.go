package jwt

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const settings = `
issuer: https://kubernetes.default.svc
audience: lockd
jwks_file: JWKS
principals:
  - claims: { sub: "system:serviceaccount:prod:billing" }
    principal: billing
  - claims: { repository: octo-org/deploy, ref: refs/heads/main }
    principal: deploy
`

// issuer signs tokens with a key of each kind.
type issuer struct {
	t    *testing.T
	keys map[string]crypto.Signer // by kid
	now  time.Time
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good, err := rsa.GenerateKey(rand.Reader, 2_048)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1_024)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{t, map[string]crypto.Signer{"ed": ed, "ec": ec, "ec384": wide, "rsa": good, "small": small}, time.Unix(1_800_000_000, 0)}
}

func (i *issuer) set(kids ...string) []byte {
	i.t.Helper()
	var set jose.JSONWebKeySet
	for _, kid := range kids {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: i.keys[kid].Public(), KeyID: kid, Use: "sig"})
	}
	raw, err := json.Marshal(set)
	if err != nil {
		i.t.Fatal(err)
	}
	return raw
}

// sign signs claims with a key, and states a kid.
func (i *issuer) sign(a jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	i.t.Helper()
	options := &jose.SignerOptions{}
	if kid != "" {
		options = options.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: a, Key: key}, options)
	if err != nil {
		i.t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return token
}

// projected are the claims of a token that Kubernetes projects into a pod, with changes; nil removes a claim.
func (i *issuer) projected(changes ...any) map[string]any {
	claims := map[string]any{
		"aud": []string{"lockd"}, "exp": i.now.Add(time.Hour).Unix(), "iat": i.now.Unix(), "nbf": i.now.Unix(),
		"iss": "https://kubernetes.default.svc", "jti": "f3b1", "sub": "system:serviceaccount:prod:billing",
		"kubernetes.io": map[string]any{"namespace": "prod", "serviceaccount": map[string]any{"name": "billing", "uid": "1"}},
	}
	for n := 0; n < len(changes); n += 2 {
		if name := changes[n].(string); changes[n+1] == nil {
			delete(claims, name)
		} else {
			claims[name] = changes[n+1]
		}
	}
	return claims
}

func (i *issuer) verifier(kids ...string) *Verifier {
	i.t.Helper()
	path := filepath.Join(i.t.TempDir(), "jwks.json")
	if err := os.WriteFile(path, i.set(kids...), 0o600); err != nil {
		i.t.Fatal(err)
	}
	s, err := Parse([]byte(strings.Replace(settings, "JWKS", path, 1)))
	if err != nil {
		i.t.Fatal(err)
	}
	v, err := New(i.t.Context(), Config{Settings: s, Now: func() time.Time { return i.now }})
	if err != nil {
		i.t.Fatal(err)
	}
	return v
}

func TestVerify(t *testing.T) {
	i := newIssuer(t)
	v := i.verifier("ed", "ec", "ec384", "rsa", "small")
	ec := func(changes ...any) string {
		return i.sign(jose.ES256, i.keys["ec"], "ec", i.projected(changes...))
	}
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"ec"}`)) + "." + strings.Split(ec(), ".")[1] + "."
	public, err := jose.JSONWebKey{Key: i.keys["rsa"].Public()}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ token, principal, fails string }{
		"of Kubernetes": {ec(), "billing", ""},
		"of GitHub": {ec("sub", "repo:octo-org/deploy:ref:refs/heads/main", "repository", "octo-org/deploy", "ref", "refs/heads/main", "aud", "lockd"),
			"deploy", ""},
		"EdDSA":                {i.sign(jose.EdDSA, i.keys["ed"], "ed", i.projected()), "billing", ""},
		"RS256":                {i.sign(jose.RS256, i.keys["rsa"], "rsa", i.projected()), "billing", ""},
		"within the tolerance": {ec("nbf", i.now.Add(50*time.Second).Unix(), "iat", i.now.Add(50*time.Second).Unix()), "billing", ""},

		"alg none":               {unsigned, "", "accepted algorithm"},
		"HS256 by a public key":  {i.sign(jose.HS256, public, "rsa", i.projected()), "", "accepted algorithm"},
		"RS512":                  {i.sign(jose.RS512, i.keys["rsa"], "rsa", i.projected()), "", "accepted algorithm"},
		"a small RSA key":        {i.sign(jose.RS256, i.keys["small"], "small", i.projected()), "", "no key"},
		"a key of another type":  {i.sign(jose.ES256, i.keys["ec"], "rsa", i.projected()), "", "no key"},
		"another key":            {i.sign(jose.EdDSA, newIssuer(t).keys["ed"], "ed", i.projected()), "", "signature"},
		"no kid":                 {i.sign(jose.ES256, i.keys["ec"], "", i.projected()), "", "no kid"},
		"an unknown kid":         {i.sign(jose.ES256, i.keys["ec"], "x", i.projected()), "", "no key"},
		"another issuer":         {ec("iss", "https://kubernetes.default.svc/"), "", "another issuer"},
		"another audience":       {ec("aud", []string{"vault"}), "", "another audience"},
		"no audience":            {ec("aud", nil), "", "another audience"},
		"no exp":                 {ec("exp", nil), "", "no exp"},
		"expired":                {ec("exp", i.now.Unix()), "", "expired"},
		"too long":               {ec("exp", i.now.Add(25*time.Hour).Unix()), "", "24 hours"},
		"not valid yet":          {ec("nbf", i.now.Add(2*time.Minute).Unix()), "", "not valid yet"},
		"of the future":          {ec("iat", i.now.Add(2*time.Minute).Unix()), "", "future"},
		"of no principal":        {ec("sub", "system:serviceaccount:prod:billing2"), "", "no principal"},
		"half of a mapping":      {ec("sub", "x", "repository", "octo-org/deploy"), "", "no principal"},
		"a claim that is a list": {ec("sub", []string{"system:serviceaccount:prod:billing"}), "", "wrong"},
		"no token":               {"", "", "not a JSON Web Token"},
		"cut off":                {ec()[:40], "", "not a JSON Web Token"},
	} {
		principal, expires, err := v.Verify(t.Context(), test.token)
		switch {
		case test.fails == "" && (err != nil || principal != test.principal || !expires.Equal(i.now.Add(time.Hour))):
			t.Errorf("%s: %q until %v, %v", name, principal, expires, err)
		case test.fails != "" && (err == nil || principal != "" || !strings.Contains(err.Error(), test.fails)):
			t.Errorf("%s: %q, %v, want an error with %q", name, principal, err, test.fails)
		}
	}
}

func TestKeysAreReadAgain(t *testing.T) {
	i := newIssuer(t)
	var set atomic.Pointer[[]byte]
	var status, requests atomic.Int64
	serve := func(raw []byte) { set.Store(&raw) }
	serve(i.set("ec"))
	status.Store(http.StatusOK)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(int(status.Load()))
		_, _ = w.Write(*set.Load())
	}))
	defer server.Close()
	s, err := Parse([]byte(strings.Replace(settings, "jwks_file: JWKS", "jwks_url: "+server.URL, 1)))
	if err != nil {
		t.Fatal(err)
	}
	v, err := New(t.Context(), Config{Settings: s, HTTP: server.Client(), Now: func() time.Time { return i.now }})
	if err != nil {
		t.Fatal(err)
	}
	verify := func(kid string, a jose.SignatureAlgorithm) error {
		_, _, err := v.Verify(context.Background(), i.sign(a, i.keys[kid], kid, i.projected()))
		return err
	}
	if err := verify("ec", jose.ES256); err != nil || requests.Load() != 1 {
		t.Fatalf("%v, %d requests", err, requests.Load())
	}
	serve(i.set("ed")) // the issuer has rotated its key
	if err := verify("ed", jose.EdDSA); err == nil {
		t.Error("keys are read again within a minute")
	}
	i.now = i.now.Add(fetchPause)
	if err := verify("ed", jose.EdDSA); err != nil || verify("ec", jose.ES256) == nil {
		t.Errorf("after a rotation: %v", err)
	}
	before := requests.Load()
	for range 10 { // tokens with a made-up kid cause no requests
		_ = verify("rsa", jose.RS256)
	}
	if requests.Load() > before+1 {
		t.Errorf("%d requests for unknown keys", requests.Load()-before)
	}
	status.Store(http.StatusInternalServerError)
	i.now = i.now.Add(2 * fetchEvery)
	if err := verify("ed", jose.EdDSA); err != nil {
		t.Errorf("while the issuer fails: %v", err)
	}
	status.Store(http.StatusOK)
	serve(make([]byte, maxKeySet+1))
	i.now = i.now.Add(2 * fetchEvery)
	if err := verify("ed", jose.EdDSA); err != nil {
		t.Errorf("after a set that is too large: %v", err)
	}
	late, err := New(t.Context(), Config{Settings: s, HTTP: server.Client(), Now: func() time.Time { return i.now }})
	if err != nil {
		t.Fatalf("a start while the issuer has no good keys: %v", err)
	}
	serve(i.set("ec"))
	if principal, _, err := late.Verify(t.Context(), i.sign(jose.ES256, i.keys["ec"], "ec", i.projected())); principal != "billing" {
		t.Errorf("the first token after it: %q, %v", principal, err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for name, test := range map[string]struct{ from, to, want string }{
		"no issuer":           {"issuer: https://kubernetes.default.svc", "", "issuer is required"},
		"no audience":         {"audience: lockd", "", "audience is required"},
		"no keys":             {"jwks_file: JWKS", "", "one of jwks_file and jwks_url"},
		"two sets of keys":    {"jwks_file: JWKS", "jwks_file: a\njwks_url: https://x/", "one of jwks_file and jwks_url"},
		"plain HTTP":          {"jwks_file: JWKS", "jwks_url: http://x/", "https://"},
		"a user":              {"jwks_file: JWKS", "jwks_url: https://u:p@x/", "no user"},
		"a shared secret":     {"jwks_file: JWKS", "jwks_file: a\nalgorithms: [HS256]", "not accepted"},
		"none":                {"jwks_file: JWKS", "jwks_file: a\nalgorithms: [none]", "not accepted"},
		"an unknown setting":  {"audience: lockd", "audience: lockd\naudiences: [a]", "audiences"},
		"no claims":           {`{ sub: "system:serviceaccount:prod:billing" }`, "{}", "match every token"},
		"a wrong principal":   {"principal: billing", "principal: Billing", "principals[0]"},
		"a file that is gone": {"", "", "no such file"},
	} {
		s, err := Parse([]byte(strings.Replace(settings, test.from, test.to, 1)))
		if err == nil {
			_, err = New(t.Context(), Config{Settings: s})
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJpc3MiOiJ4In0.AAAA")
	v := &Verifier{cfg: Config{Settings: Settings{Issuer: "i", Audience: "a", Algorithms: accepted()}, Now: time.Now}}
	v.keys = &keys{now: time.Now, tried: time.Now(), fetched: time.Now()}
	f.Fuzz(func(t *testing.T, token string) {
		if principal, _, err := v.Verify(context.Background(), token); err == nil {
			t.Errorf("%q leads to %s without any key", token, principal)
		}
	})
}
