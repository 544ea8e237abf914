package lockd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// certificate makes a certificate for 127.0.0.1, signed by an authority or, if that is nil, by itself.
func certificate(t *testing.T, name string, by *tls.Certificate) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: by == nil, BasicConstraintsValid: true,
	}
	parent, signer := template, any(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tlsNode is a node with TLS whose certificate can change. It answers with the name of the client's certificate.
type tlsNode struct {
	*httptest.Server
	cert atomic.Pointer[tls.Certificate]
}

func newTLSNode(t *testing.T, cert *tls.Certificate) *tlsNode {
	n := new(tlsNode)
	n.cert.Store(cert)
	n.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := ""
		if certs := r.TLS.PeerCertificates; len(certs) > 0 {
			name = certs[0].Subject.CommonName
		}
		_, _ = io.WriteString(w, `{"leader":"`+name+`"}`)
	}))
	n.Config.ErrorLog = log.New(io.Discard, "", 0)
	n.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{ClientAuth: tls.RequestClientCert, Certificates: []tls.Certificate{*n.cert.Load()}}, nil
	}}
	n.StartTLS()
	t.Cleanup(n.Close)
	return n
}

func TestTLSFilesAreReadAgainWhenTheyChange(t *testing.T) {
	dir := t.TempDir()
	ca, cert, key := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key")
	issue := func(name string) {
		pair := certificate(t, name, nil)
		der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		writePEM(t, cert, "CERTIFICATE", pair.Certificate[0])
		writePEM(t, key, "PRIVATE KEY", der)
	}
	issue("billing")
	first, second := certificate(t, "first", nil), certificate(t, "second", nil)
	writePEM(t, ca, "CERTIFICATE", first.Certificate[0])
	n := newTLSNode(t, certificate(t, "node", first))
	c, err := New(Config{Addresses: []string{n.URL}, CAFile: ca, CertFile: cert, KeyFile: key, RetryFor: -1})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() (string, error) {
		n.CloseClientConnections() // a new connection
		s, err := c.Cluster(t.Context())
		if err != nil {
			return "", err
		}
		return s.Leader, nil
	}
	if name, err := ask(); name != "billing" || err != nil {
		t.Fatalf("the node sees %q, %v", name, err)
	}
	n.cert.Store(certificate(t, "node", second))
	if _, err := ask(); err == nil || !strings.Contains(err.Error(), "unknown authority") || !strings.Contains(err.Error(), "LOCKD_CACERT or --cacert") {
		t.Errorf("a node of another authority: %v", err)
	}
	writePEM(t, ca, "CERTIFICATE", second.Certificate[0])
	issue("payments-")
	if name, err := ask(); name != "payments-" || err != nil {
		t.Errorf("after both files changed: %q, %v", name, err)
	}
	if err := os.WriteFile(ca, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(); err != nil {
		t.Errorf("the last good files are not used: %v", err)
	}
}

func TestErrorOfAnUnknownAuthorityNamesTheSetting(t *testing.T) {
	n := newTLSNode(t, certificate(t, "node", certificate(t, "authority", nil)))
	_, err := mustNew(t, Config{Addresses: []string{n.URL}, RetryFor: -1}).Cluster(t.Context())
	if err == nil || !strings.Contains(err.Error(), "set CAFile, or LOCKD_CACERT or --cacert") {
		t.Errorf("%v", err)
	}
}

// TestTLSFilesNeedAnAddressThatUsesThem: a forgotten https:// would send everything in plain text.
func TestTLSFilesNeedAnAddressThatUsesThem(t *testing.T) {
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.crt")
	writePEM(t, ca, "CERTIFICATE", certificate(t, "authority", nil).Certificate[0])
	for _, c := range []struct {
		addresses []string
		accepted  bool
	}{
		{nil, false}, {[]string{"http://a"}, false}, {[]string{"a", "b:7400"}, false}, {[]string{"https://a"}, true}, {[]string{"http://127.0.0.1", "HTTPS://a"}, true},
	} {
		if _, err := New(Config{Addresses: c.addresses, CAFile: ca}); (err == nil) != c.accepted {
			t.Errorf("%q: %v", c.addresses, err)
		}
	}
}

func TestTLSFilesAreCheckedByNew(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent")
	for name, cfg := range map[string]Config{
		"a missing CA":         {CAFile: absent},
		"a CA that is no PEM":  {CAFile: os.Args[0]},
		"a key without a cert": {KeyFile: absent},
		"a cert without a key": {CertFile: absent},
		"an own HTTPClient":    {CAFile: absent, HTTPClient: http.DefaultClient},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
