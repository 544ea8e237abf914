// Package certs makes the certificates of a cluster for tests.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/pki"
)

const life = 24 * time.Hour

// Authorities are the two authorities of a cluster.
type Authorities struct {
	Dir string
	t   testing.TB
}

// New makes the authorities of a cluster. Two clusters may have the same name.
func New(t testing.TB, cluster string) *Authorities {
	t.Helper()
	a := &Authorities{Dir: filepath.Join(t.TempDir(), "pki"), t: t}
	a.must(pki.Init(a.Dir, cluster, time.Now()))
	return a
}

// Rotate makes new authorities. Their certificates come with the old authorities until Finish.
func (a *Authorities) Rotate() *Authorities {
	a.t.Helper()
	next := &Authorities{Dir: filepath.Join(a.t.TempDir(), "pki"), t: a.t}
	a.must(pki.Rotate(a.Dir, next.Dir, time.Now()))
	return next
}

// Both returns the directory with the certificates of old and new authorities.
func (a *Authorities) Both() string { return filepath.Join(a.Dir, pki.BothDir) }

// Finish ends a rotation: only the new authorities count.
func (a *Authorities) Finish() {
	a.t.Helper()
	a.must(os.RemoveAll(a.Both()))
}

// Node makes the TLS directory of a node at loopback.
func (a *Authorities) Node(name string) (dir string) {
	a.t.Helper()
	dir = filepath.Join(a.t.TempDir(), "tls")
	a.must(pki.IssueNode(a.Dir, dir, name, []string{"127.0.0.1", "localhost"}, life, time.Now()))
	return dir
}

// Client makes the directory of a client.
func (a *Authorities) Client(principal string) (dir string) {
	a.t.Helper()
	return a.ClientFor(principal, life)
}

// ClientFor makes the directory of a client with a certificate that expires after life.
func (a *Authorities) ClientFor(principal string, life time.Duration) (dir string) {
	a.t.Helper()
	dir = filepath.Join(a.t.TempDir(), "tls")
	a.must(pki.IssueClient(a.Dir, dir, principal, life, time.Now()))
	return dir
}

// Store opens the TLS directory of a new node.
func (a *Authorities) Store(name string) *pki.Store {
	a.t.Helper()
	s, err := pki.Open(pki.Config{Dir: a.Node(name)})
	a.must(err)
	return s
}

// Copy copies files from one directory to another, each as a whole.
func (a *Authorities) Copy(from, to string, files ...string) {
	a.t.Helper()
	for _, name := range files {
		raw, err := os.ReadFile(filepath.Join(from, name))
		a.must(err)
		temporary := filepath.Join(to, name+".new")
		a.must(os.WriteFile(temporary, raw, 0o600))
		a.must(os.Rename(temporary, filepath.Join(to, name)))
	}
}

// HTTPClient returns a client that trusts the authorities in a directory.
func (a *Authorities) HTTPClient(dir string) *http.Client {
	a.t.Helper()
	certs, err := pki.ReadCerts(filepath.Join(dir, pki.CAFile))
	a.must(err)
	roots := x509.NewCertPool()
	for _, c := range certs {
		roots.AddCert(c)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 64}}
}

func (a *Authorities) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}
