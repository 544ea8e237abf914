package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Material is what a node's TLS directory contains, checked. It does not change.
type Material struct {
	Identity Identity
	Serial   string               // of the node's certificate
	Expiry   map[string]time.Time // by file: when its first certificate is no longer valid

	cert    tls.Certificate
	nodes   *x509.CertPool // authorities of node certificates
	clients *x509.CertPool // authorities of client certificates
}

// Load reads a node's TLS directory: ca.crt, client-ca.crt, node.crt and node.key. A directory
// that is not whole is refused, and nothing takes its place.
func Load(dir string, now time.Time) (*Material, error) {
	nodes, err := ReadCerts(filepath.Join(dir, CAFile))
	if err != nil {
		return nil, err
	}
	clients, err := ReadCerts(filepath.Join(dir, ClientCAFile))
	if err != nil {
		return nil, err
	}
	certPath := filepath.Join(dir, NodeFile)
	pair, err := ReadPair(certPath, filepath.Join(dir, NodeKey))
	if err != nil {
		return nil, err
	}
	m := &Material{
		Serial: pair.Cert.SerialNumber.Text(16),
		Expiry: map[string]time.Time{CAFile: first(nodes), ClientCAFile: first(clients), NodeFile: pair.Cert.NotAfter},
		nodes:  pool(nodes), clients: pool(clients),
		cert: tls.Certificate{Certificate: [][]byte{pair.Cert.Raw}, PrivateKey: pair.Key, Leaf: pair.Cert},
	}
	if m.Identity, err = IdentityOf(pair.Cert); err != nil {
		return nil, fmt.Errorf("%s: %w", certPath, err)
	}
	if m.Identity.Kind != KindNode {
		return nil, fmt.Errorf("%s is for a %s; make one with lockd tls node", certPath, m.Identity.Kind)
	}
	if shared(nodes, clients) {
		return nil, fmt.Errorf("%s and %s share a certificate: who signs clients could make nodes; use two authorities",
			filepath.Join(dir, CAFile), filepath.Join(dir, ClientCAFile))
	}
	if err := m.verify(pair.Cert, m.nodes, x509.ExtKeyUsageServerAuth, now); err != nil {
		return nil, fmt.Errorf("%s: %w", certPath, err)
	}
	return m, nil
}

// verify checks that a certificate is signed by an authority, valid now, and for a use.
func (*Material) verify(cert *x509.Certificate, by *x509.CertPool, use x509.ExtKeyUsage, now time.Time) error {
	_, err := cert.Verify(x509.VerifyOptions{Roots: by, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{use}})
	return err
}

func pool(certs []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

func shared(some, others []*x509.Certificate) bool {
	for _, a := range some {
		for _, b := range others {
			if a.Equal(b) || string(a.RawSubjectPublicKeyInfo) == string(b.RawSubjectPublicKeyInfo) {
				return true
			}
		}
	}
	return false
}

func first(certs []*x509.Certificate) time.Time {
	end := certs[0].NotAfter
	for _, c := range certs[1:] {
		if c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return end
}

// stamp changes when a file of the directory does.
func stamp(dir string) (string, error) {
	var s string
	for _, name := range []string{CAFile, ClientCAFile, NodeFile, NodeKey} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return "", explain(err)
		}
		s += fmt.Sprintf("%d.%d ", info.ModTime().UnixNano(), info.Size())
	}
	return s, nil
}

// ErrNotANode is the error of a peer whose certificate is for no node of the cluster.
var ErrNotANode = errors.New("the certificate is for no node of this cluster")
