package pki

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type authorities struct{ nodes, clients Pair }

func makeAuthorities(t *testing.T, cluster string) authorities {
	t.Helper()
	nodes, err := NewAuthority(cluster, KindNode, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	clients, err := NewAuthority(cluster, KindClient, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return authorities{nodes, clients}
}

func issue(t *testing.T, by Pair, id Identity, life time.Duration, hosts ...string) Pair {
	t.Helper()
	p, err := by.Issue(Request{Identity: id, Hosts: hosts, Life: life}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t *testing.T, dir string, files map[string]Pair, cas map[string][]*x509.Certificate) {
	t.Helper()
	all := make(map[string][]byte)
	for name, p := range files {
		key, err := EncodeKey(p.Key)
		if err != nil {
			t.Fatal(err)
		}
		all[name+".crt"], all[name+".key"] = EncodeCerts(p.Cert), key
	}
	for name, certs := range cas {
		all[name] = EncodeCerts(certs...)
	}
	for name, content := range all {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// nodeDir is the TLS directory of a node at loopback.
func (a authorities) nodeDir(t *testing.T, cluster, name string) string {
	t.Helper()
	dir := t.TempDir()
	node := issue(t, a.nodes, Identity{cluster, KindNode, name}, time.Hour, "127.0.0.1", "localhost")
	write(t, dir, map[string]Pair{"node": node}, map[string][]*x509.Certificate{CAFile: {a.nodes.Cert}, ClientCAFile: {a.clients.Cert}})
	return dir
}

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// handshake connects a client to a server and returns the error of each.
func handshake(t *testing.T, server, client *tls.Config) (serverErr, clientErr error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	done := make(chan error, 1)
	go func() {
		conn := tls.Server(a, server)
		err := conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("x"))
		}
		a.Close()
		done <- err
	}()
	conn := tls.Client(b, client)
	clientErr = conn.Handshake()
	if clientErr == nil {
		_, clientErr = io.ReadFull(conn, make([]byte, 1))
	}
	b.Close()
	return <-done, clientErr
}

func TestOnlyNodesOfTheClusterPassThePeerPort(t *testing.T) {
	own, foreign := makeAuthorities(t, "prod"), makeAuthorities(t, "prod")
	server := open(t, own.nodeDir(t, "prod", "a"))
	pairs := map[string]struct {
		pair Pair
		ok   bool
	}{
		"a node":                         {issue(t, own.nodes, Identity{"prod", KindNode, "b"}, time.Hour), true},
		"a node of another cluster":      {issue(t, own.nodes, Identity{"test", KindNode, "b"}, time.Hour), false},
		"a client by the node authority": {issue(t, own.nodes, Identity{"prod", KindClient, "b"}, time.Hour), false},
		"a client":                       {issue(t, own.clients, Identity{"prod", KindClient, "b"}, time.Hour), false},
		"a node by the client authority": {issue(t, own.clients, Identity{"prod", KindNode, "b"}, time.Hour), false},
		"a node by another authority":    {issue(t, foreign.nodes, Identity{"prod", KindNode, "b"}, time.Hour), false},
		"an expired node":                {expired(t, own.nodes, Identity{"prod", KindNode, "b"}), false},
		"a node that is not valid yet":   {crafted(t, own.nodes, time.Hour, "lockd://prod/node/b"), false},
		"a certificate without a SAN":    {crafted(t, own.nodes, 0), false},
		"a wildcard":                     {crafted(t, own.nodes, 0, "lockd://prod/node/*"), false},
		"two identities":                 {crafted(t, own.nodes, 0, "lockd://prod/node/b", "lockd://prod/node/c"), false},
		"a URI of another scheme":        {crafted(t, own.nodes, 0, "spiffe://prod/node/b"), false},
	}
	for name, tt := range pairs {
		client := &tls.Config{
			MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, NextProtos: []string{peerProtocol},
			Certificates: []tls.Certificate{{Certificate: [][]byte{tt.pair.Cert.Raw}, PrivateKey: tt.pair.Key}},
		}
		if err, _ := handshake(t, server.PeerServer(nil), client); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err, _ := handshake(t, server.PeerServer(nil), &tls.Config{InsecureSkipVerify: true}); err == nil {
		t.Error("a connection without a certificate passed")
	}
	otherProtocol := server.PeerClient(nil)
	otherProtocol.NextProtos = []string{"http/1.1"}
	if err, _ := handshake(t, server.PeerServer(nil), otherProtocol); err == nil {
		t.Error("a connection for the HTTP port passed")
	}
	old := server.PeerClient(nil)
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	if err, _ := handshake(t, server.PeerServer(nil), old); err == nil {
		t.Error("TLS 1.2 passed")
	}
	refuse := func(id Identity, _ *x509.Certificate) error { return errors.New("removed: " + id.Name) }
	if err, _ := handshake(t, server.PeerServer(refuse), server.PeerClient(nil)); err == nil || !strings.Contains(err.Error(), "removed: a") {
		t.Errorf("admit was not asked: %v", err)
	}
}

// crafted returns a certificate for the common name b with URIs that no command makes, valid after a time.
func crafted(t *testing.T, by Pair, after time.Duration, uris ...string) Pair {
	t.Helper()
	key, serial, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "b"}, DNSNames: []string{"b"},
		NotBefore: time.Now().Add(after), NotAfter: time.Now().Add(after + time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, u := range uris {
		parsed, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = append(template.URIs, parsed)
	}
	p, err := sign(template, by.Cert, key, by.Key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// expired returns a certificate that was valid until a minute ago.
func expired(t *testing.T, by Pair, id Identity) Pair {
	t.Helper()
	p, err := by.Issue(Request{Identity: id, Life: time.Hour}, time.Now().Add(-time.Hour-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPeerIsVerifiedByTheNodeThatDials(t *testing.T) {
	own, foreign := makeAuthorities(t, "prod"), makeAuthorities(t, "prod")
	a, b, c := open(t, own.nodeDir(t, "prod", "a")), open(t, own.nodeDir(t, "prod", "b")), open(t, foreign.nodeDir(t, "prod", "b"))
	if _, err := handshake(t, b.PeerServer(nil), a.PeerClient(nil)); err != nil {
		t.Error(err)
	}
	for name, server := range map[string]*tls.Config{"another authority's node": c.PeerServer(nil), "the port for clients": c.HTTPServer()} {
		if _, err := handshake(t, server, a.PeerClient(nil)); err == nil {
			t.Errorf("%s was accepted as a peer", name)
		}
	}
	other := func(id Identity, _ *x509.Certificate) error {
		if id.Name != "c" {
			return errors.New("want c")
		}
		return nil
	}
	if _, err := handshake(t, b.PeerServer(nil), a.PeerClient(other)); err == nil {
		t.Error("node b was accepted as c")
	}
}

func TestTheHTTPPortTakesClientsAndNoNodes(t *testing.T) {
	own := makeAuthorities(t, "prod")
	store := open(t, own.nodeDir(t, "prod", "a"))
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, err := store.Principal(r.TLS)
		if err != nil {
			name = err.Error()
		}
		_, _ = io.WriteString(w, r.Proto+" "+name)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Listener = tls.NewListener(server.Listener, store.HTTPServer())
	server.Start()
	defer server.Close()
	get := func(pair ...Pair) (string, error) {
		config := &tls.Config{RootCAs: pool([]*x509.Certificate{own.nodes.Cert}), MinVersion: tls.VersionTLS13}
		for _, p := range pair {
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { // whatever the server wants
				return &tls.Certificate{Certificate: [][]byte{p.Cert.Raw}, PrivateKey: p.Key}, nil
			}
		}
		transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Get("https://" + server.Listener.Addr().String())
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return string(body), err
	}
	if got, err := get(); err != nil || got != "HTTP/1.1 " {
		t.Errorf("without a certificate: %q, %v", got, err)
	}
	if got, err := get(issue(t, own.clients, Identity{"prod", KindClient, "billing"}, time.Hour)); err != nil || got != "HTTP/1.1 billing" {
		t.Errorf("a client: %q, %v", got, err)
	}
	for name, p := range map[string]Pair{
		"a node":                         issue(t, own.nodes, Identity{"prod", KindNode, "b"}, time.Hour),
		"a client by the node authority": issue(t, own.nodes, Identity{"prod", KindClient, "billing"}, time.Hour),
		"a node by the client authority": issue(t, own.clients, Identity{"prod", KindNode, "b"}, time.Hour),
		"a client of another cluster":    issue(t, own.clients, Identity{"test", KindClient, "billing"}, time.Hour),
		"an expired client":              expired(t, own.clients, Identity{"prod", KindClient, "billing"}),
	} {
		if got, err := get(p); err == nil {
			t.Errorf("%s got %q", name, got)
		}
	}
}

func TestAChangedDirectoryIsTakenOverIfItIsGood(t *testing.T) {
	own, next := makeAuthorities(t, "prod"), makeAuthorities(t, "prod")
	dir := own.nodeDir(t, "prod", "a")
	store := open(t, dir)
	first := store.Current()
	if err := os.WriteFile(filepath.Join(dir, NodeFile), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := store.Reload(); err == nil || store.Current() != first {
		t.Errorf("a broken file was taken over: %v", err)
	}
	// Rotation: both authorities are trusted, then the node has a certificate of the new one.
	write(t, dir, map[string]Pair{"node": issue(t, next.nodes, Identity{"prod", KindNode, "a"}, time.Hour)},
		map[string][]*x509.Certificate{CAFile: {own.nodes.Cert, next.nodes.Cert}})
	if err := store.Reload(); err != nil || store.Current() == first {
		t.Fatalf("a good directory was not taken over: %v", err)
	}
	old := open(t, own.nodeDir(t, "prod", "b"))
	if _, err := handshake(t, old.PeerServer(nil), store.PeerClient(nil)); err == nil {
		t.Error("a node that does not trust the new authority accepted it")
	}
	if _, err := handshake(t, store.PeerServer(nil), old.PeerClient(nil)); err == nil {
		t.Error("a node that does not trust the new authority dialled it")
	}
}

func TestARunningNodeKeepsItsName(t *testing.T) {
	own := makeAuthorities(t, "prod")
	dir := own.nodeDir(t, "prod", "a")
	store := open(t, dir)
	other := own.nodeDir(t, "prod", "b")
	for _, name := range []string{NodeFile, NodeKey} {
		copyFile(t, other, dir, name)
	}
	if err := store.Reload(); err == nil || store.Current().Identity.Name != "a" {
		t.Errorf("the node became %s: %v", store.Current().Identity, err)
	}
}

func TestADirectoryThatIsNotWholeIsRefused(t *testing.T) {
	own, foreign := makeAuthorities(t, "prod"), makeAuthorities(t, "prod")
	for name, tt := range map[string]struct {
		change func(dir string)
		want   string
	}{
		"no CA":         {func(dir string) { _ = os.Remove(filepath.Join(dir, CAFile)) }, "ca.crt"},
		"no client CA":  {func(dir string) { _ = os.Remove(filepath.Join(dir, ClientCAFile)) }, "client-ca.crt"},
		"no key":        {func(dir string) { _ = os.Remove(filepath.Join(dir, NodeKey)) }, "node.key"},
		"another key":   {func(dir string) { copyFile(t, foreign.nodeDir(t, "prod", "a"), dir, NodeKey) }, "is not the key of"},
		"one authority": {func(dir string) { copyAs(t, dir, CAFile, ClientCAFile) }, "share a certificate"},
		"another CA":    {func(dir string) { copyFile(t, foreign.nodeDir(t, "prod", "a"), dir, CAFile) }, "unknown authority"},
		"a key as CA":   {func(dir string) { copyAs(t, dir, NodeKey, CAFile) }, "want certificates only"},
		"a client": {func(dir string) {
			write(t, dir, map[string]Pair{"node": issue(t, own.nodes, Identity{"prod", KindClient, "a"}, time.Hour)}, nil)
		}, "is for a client"},
		"expired": {func(dir string) {
			write(t, dir, map[string]Pair{"node": expired(t, own.nodes, Identity{"prod", KindNode, "a"})}, nil)
		}, "expired"},
	} {
		dir := own.nodeDir(t, "prod", "a")
		tt.change(dir)
		if _, err := Open(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, tt.want)
		}
	}
}

func copyFile(t *testing.T, from, to, name string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(from, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, name), raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyAs(t *testing.T, dir, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, from))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, to), raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestIdentitiesAreComparedAsAWhole(t *testing.T) {
	for text, ok := range map[string]bool{
		"lockd://prod/node/a": true, "lockd://prod/client/billing": true,
		"lockd://prod/node/a/": false, "lockd://prod/node/": false, "lockd://prod//a": false, "lockd:///node/a": false,
		"lockd://prod/node/a?x": false, "lockd://user@prod/node/a": false, "lockd://prod/admin/a": false, "http://prod/node/a": false,
		"lockd://prod/node/%61": false, "LOCKD://prod/node/a": false, "lockd://prod:1/node/a": false, "lockd://prod/node/../client/a": false,
	} {
		if _, err := parseIdentity(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseIdentity(f *testing.F) {
	f.Add("lockd://prod/node/a")
	f.Fuzz(func(t *testing.T, text string) {
		if i, err := parseIdentity(text); err == nil && i.String() != text {
			t.Errorf("%q is read as %q", text, i)
		}
	})
}
