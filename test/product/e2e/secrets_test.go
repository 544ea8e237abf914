package e2e

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/test/harness/nodes"
)

// Every output of a node is searched for the secrets that it received, in every request that has a place for them, also
// in the wrong place. What is public must be found there, so that a search in the wrong file fails.
func TestOutputsContainNoSecret(t *testing.T) {
	s := startSecured(t)
	admin, jwt := "Bearer "+s.bootstrap.Secret(), "Bearer "+s.jwt(time.Hour)

	s.want(200, admin, "PUT", "/v1/principals/billing", nodes.In{"rules": []string{"operate:*"}})
	created := s.want(201, admin, "POST", "/v1/tokens", nodes.In{"principal": "billing"})
	s.want(200, admin, "POST", "/v1/auth", nodes.In{"mode": "on"})
	token := created.Text("token")
	s.secret("token", token)
	s.secret("secret of the token", secretOf(token))

	for i, credential := range []string{"Bearer " + token, jwt} {
		session := func(of string) string { return fmt.Sprintf("%s-secret-session-%d", of, i) }
		for _, of := range []string{"first", "second", "third", "fourth", "wrong"} {
			s.secret("session", session(of))
		}
		path := fmt.Sprintf("/v1/leases/public-lease-%d", i)
		take := nodes.In{"holder": "public-holder", "session": session("first"), "ttl_ms": 90_000}
		s.want(201, credential, "POST", path+"/acquire", take)
		s.want(200, credential, "POST", path+"/renew", nodes.In{"session": session("first")})
		s.want(201, credential, "POST", "/v1/acquire", nodes.In{
			"names": []string{fmt.Sprintf("a-%d", i), fmt.Sprintf("b-%d", i)}, "holder": "public-holder", "session": session("second"), "ttl_ms": 60_000,
		})
		s.want(200, credential, "POST", "/v1/sessions/renew", nodes.In{"session": session("second")})
		s.want(409, credential, "POST", path+"/acquire", nodes.In{"holder": "public-waiter", "session": session("third"), "wait_ms": 50})
		s.want(200, credential, "POST", path+"/transfer", nodes.In{"session": session("first"), "to": "public-waiter"})
		s.want(409, credential, "POST", path+"/renew", nodes.In{"session": session("wrong")})
		s.want(200, credential, "POST", path+"/release", nodes.In{"session": session("third")})
		s.want(201, credential, "POST", path+"/acquire", nodes.In{"holder": "public-holder", "session": session("fourth"), "ttl_ms": 90_000})
		s.want(200, credential, "POST", "/v1/sessions/release", nodes.In{"session": session("second")})
	}
	s.misplace(admin, "Bearer "+token)

	read := map[string]string{}
	for _, path := range []string{"/metrics", "/v1/leases", "/v1/leases/public-lease-0", "/v1/leases/public-lease-0/history", "/v1/tokens", "/v1/principals", "/v1/watch?after=1&wait_ms=1", "/readyz"} {
		read[path] = s.want(200, admin, "GET", path, nil).Raw
	}
	s.find("metrics", read["/metrics"], "lockd_")
	s.find("a list", read["/v1/leases"], "public-holder")
	s.find("a lease", read["/v1/leases/public-lease-0"], "public-holder")
	s.find("a history", read["/v1/leases/public-lease-0/history"], "public-waiter")
	s.find("the tokens", read["/v1/tokens"], created.Text("id"))
	s.find("the principals", read["/v1/principals"], "billing")
	s.find("a watch", read["/v1/watch?after=1&wait_ms=1"], "public-waiter")
	s.find("the readiness", read["/readyz"], "")

	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.PID()))
	if err != nil {
		t.Skip("this system has no /proc")
	}
	s.find("argv", string(cmdline), "--bootstrap-token-file")
	s.snapshots()
	s.Signal(syscall.SIGQUIT)
	_ = s.Wait() // it ends with a dump and an error
	s.find("the debug log", s.Log(), "DEBUG", created.Text("id"))
	s.find("the dump", s.Log(), "SIGQUIT: quit", "goroutine 1 ")
	files := s.read()
	for path, found := range files {
		s.find(path, found)
	}
	for name, public := range map[string]string{"0000000001.log": "public-holder", "state.bin": "public-holder", "audit.log": "public-lease-1"} {
		s.find(name, named(files, name), public)
	}
}

// secured is a node with TLS, an audit log, a bootstrap token and an issuer of JSON Web Tokens.
type secured struct {
	*nodes.Node
	t         *testing.T
	dir       string
	client    *http.Client
	bootstrap access.Token
	issuer    ed25519.PrivateKey
	secrets   map[string]string // what it is, by secret
}

func startSecured(t *testing.T) *secured {
	t.Helper()
	s := &secured{t: t, dir: t.TempDir(), secrets: make(map[string]string)}
	s.Node = nodes.New(t, "secured")
	in := func(name string) string { return filepath.Join(s.dir, name) }
	for _, args := range [][]string{
		{"tls", "init", "--out", in("pki")},
		{"tls", "node", s.Name, "--ca", in("pki"), "--host", "127.0.0.1", "--out", in("tls")},
	} {
		if out, err := exec.Command(nodes.Binary(t), args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	ca, err := os.ReadFile(in("tls/ca.crt"))
	key, err2 := os.ReadFile(in("tls/node.key"))
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}}
	s.secret("the key of the node", strings.Split(string(key), "\n")[1])

	if s.bootstrap, err = access.NewToken(rand.Reader); err != nil {
		t.Fatal(err)
	}
	s.secret("the bootstrap token", secretOf(s.bootstrap.Secret()))
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.issuer = private
	s.write("bootstrap", s.bootstrap.Secret())
	s.write("jwks.json", fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":%q}]}`, base64.RawURLEncoding.EncodeToString(public)))
	s.write("jwt.yaml", fmt.Sprintf("issuer: issuer\naudience: lockd\njwks_file: %s\nprincipals:\n  - claims: { sub: billing }\n    principal: billing\n", in("jwks.json")))
	s.Flags = []string{
		"--tls-dir", in("tls"), "--bootstrap-token-file", in("bootstrap"), "--jwt-config", in("jwt.yaml"),
		"--audit-log", filepath.Join(s.Dir, "audit.log"), "--audit-reads", "--log-level", "debug",
		"--snapshot-threshold", "1", "--snapshot-interval", "50ms",
	}
	s.Start()
	nodes.Eventually(t, "the bootstrap token is valid", func() bool {
		return s.send("Bearer "+s.bootstrap.Secret(), "GET", "/v1/principals", nil).Status == http.StatusOK
	})
	return s
}

func (s *secured) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// secret adds a text that no output may have.
func (s *secured) secret(what, text string) {
	s.t.Helper()
	if len(text) < 16 {
		s.t.Fatalf("%s is too short to be searched for: %q", what, text)
	}
	s.secrets[text] = what
}

// secretOf returns the part of a token between its ID and its checksum.
func secretOf(token string) string { return token[len("lockd_")+access.TokenIDLength+1:][:43] }

// jwt returns a JSON Web Token that expires after a time.
func (s *secured) jwt(life time.Duration) string {
	part := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			s.t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	signed := part(nodes.In{"alg": "EdDSA", "kid": "k1"}) + "." +
		part(nodes.In{"iss": "issuer", "aud": "lockd", "sub": "billing", "exp": time.Now().Add(life).Unix()})
	signature := base64.RawURLEncoding.EncodeToString(ed25519.Sign(s.issuer, []byte(signed)))
	s.secret("a JSON Web Token", signed)
	s.secret("the signature of a JSON Web Token", signature)
	return signed + "." + signature
}

func (s *secured) want(status int, credential, method, path string, body any) nodes.Answer {
	s.t.Helper()
	return s.send(credential, method, path, body).Want(s.t, status)
}

func (s *secured) send(credential, method, path string, body any) nodes.Answer {
	return s.sendWith(http.Header{"Authorization": {credential}}, method, path, body)
}

func (s *secured) sendWith(header http.Header, method, path string, body any) (a nodes.Answer) {
	ctx, cancel := context.WithTimeout(context.Background(), nodes.Patience)
	defer cancel()
	text, isText := body.(string)
	if !isText && body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		text = string(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://"+s.HTTP+path, strings.NewReader(text))
	if err != nil {
		return nodes.Answer{Err: err}
	}
	req.Header = header
	resp, err := s.client.Do(req)
	if err != nil {
		return nodes.Answer{Err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	a = nodes.Answer{Status: resp.StatusCode, Header: resp.Header, Raw: string(raw), Err: err}
	_ = json.Unmarshal(raw, &a.Body) // some bodies are text
	return a
}

// misplace sends secrets in requests that are refused, and in places where none belongs.
func (s *secured) misplace(admin, valid string) {
	s.t.Helper()
	other, err := access.NewToken(rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	unknown := other.Secret()
	mistyped := unknown[:len(unknown)-1] + "?"
	s.secret("a token that does not exist", secretOf(unknown))
	s.secret("a misplaced session", "a-misplaced-secret-session")
	expired := s.jwt(-time.Hour)
	for _, credential := range []string{
		"Bearer " + unknown, "Bearer " + mistyped, unknown, "Basic " + unknown, "Bearer " + expired, "Bearer " + expired[:len(expired)-4],
		strings.Repeat("Bearer "+unknown, 200),
	} {
		s.want(401, credential, "GET", "/v1/leases", nil)
	}
	session := "a-misplaced-secret-session"
	for _, body := range []any{
		nodes.In{"holder": "x", "session": session, "unknown": session}, nodes.In{"holder": "x", "session": []string{session}},
		`{"session":"` + session + `","session":"` + session + `"}`, `{"session":"` + session, nodes.In{"holder": "x", "session": session + "\n"},
		nodes.In{"holder": "x", "session": strings.Repeat(session, 100)}, nodes.In{"holder": 1, "session": session, "ttl_ms": session},
	} {
		s.want(400, valid, "POST", "/v1/leases/l/acquire", body)
	}
	s.want(400, valid, "GET", "/v1/leases?session="+session+"&access_token="+unknown, nil)
	s.want(404, valid, "GET", "/v1/sessions/"+session, nil)
	s.want(400, admin, "DELETE", "/v1/tokens/"+unknown, nil)
	s.want(400, admin, "DELETE", "/v1/tokens/"+unknown+"?break=true&principal=billing", nil)
	for _, id := range []string{unknown, unknown[:40], expired} {
		s.sendWith(http.Header{"Authorization": {valid}, "X-Request-Id": {id}}, "GET", "/v1/leases", nil).Want(s.t, 200)
	}
	s.sendWith(http.Header{"Authorization": {valid}, "Cookie": {"session=" + session}, "Referer": {"https://x/" + unknown}},
		"GET", "/v1/leases", nil).Want(s.t, 200)
	s.plain("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + unknown + "\r\n\r\n")
	s.plain(unknown + "\r\n\r\n")
}

// plain sends text without TLS.
func (s *secured) plain(text string) {
	s.t.Helper()
	conn, err := net.DialTimeout("tcp", s.HTTP, nodes.Patience)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(text)); err != nil {
		s.t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(nodes.Patience))
	_, _ = io.ReadAll(conn) // the node closes the connection
}

// find checks that an output has what is public, and no secret.
func (s *secured) find(where, output string, public ...string) {
	s.t.Helper()
	for _, text := range public {
		if !strings.Contains(output, text) {
			s.t.Errorf("%s has no %q: the search proves nothing", where, text)
		}
	}
	for secret, what := range s.secrets {
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))[:20], fmt.Sprintf("%x", secret)} {
			if at := strings.Index(output, form); at >= 0 {
				s.t.Errorf("%s has %s: %q", where, what, output[max(0, at-60):min(len(output), at+len(form)+20)])
			}
		}
	}
}

// snapshots waits until a snapshot has the holders.
func (s *secured) snapshots() {
	s.t.Helper()
	nodes.Eventually(s.t, "there is a snapshot of the holders", func() bool {
		return strings.Contains(named(s.read(), "state.bin"), "public-holder")
	})
}

// read returns the files of the data directory, by path. A file may vanish meanwhile.
func (s *secured) read() map[string]string {
	s.t.Helper()
	all := make(map[string]string)
	if err := filepath.WalkDir(s.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if raw, err := os.ReadFile(path); err == nil {
			all[path] = string(raw)
		}
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	return all
}

// named returns the files with a name, together.
func named(files map[string]string, name string) (all string) {
	for path, text := range files {
		if strings.HasSuffix(path, name) {
			all += text
		}
	}
	return all
}
