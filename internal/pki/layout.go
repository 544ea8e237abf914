package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// BothDir is a directory in that of a rotated authority: its certificates are those of the old
// and of the new one. While it is there, new certificates come with both.
const BothDir = "both"

// Init makes the two authorities of a cluster in a new directory.
func Init(dir, cluster string, now time.Time) error {
	files, _, err := newAuthorities(cluster, now)
	if err != nil {
		return err
	}
	return WriteNew(dir, files)
}

// Rotate makes new authorities in a new directory for the cluster of old ones, and in its BothDir
// the certificates of old and new together.
func Rotate(oldDir, dir string, now time.Time) error {
	old := make(map[string][]*x509.Certificate)
	for _, name := range []string{CAFile, ClientCAFile} {
		certs, err := ReadCerts(filepath.Join(oldDir, name))
		if err != nil {
			return err
		}
		old[name] = certs
	}
	cluster, err := Pair{Cert: old[CAFile][0]}.Cluster()
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(oldDir, CAFile), err)
	}
	files, certs, err := newAuthorities(cluster, now)
	if err != nil {
		return err
	}
	both := make(map[string][]byte)
	for name, cert := range certs {
		both[name] = EncodeCerts(append(old[name], cert)...)
	}
	if err := WriteNew(dir, files); err != nil {
		return err
	}
	return WriteNew(filepath.Join(dir, BothDir), both)
}

func newAuthorities(cluster string, now time.Time) (files map[string][]byte, certs map[string]*x509.Certificate, err error) {
	files, certs = make(map[string][]byte), make(map[string]*x509.Certificate)
	for _, a := range []struct {
		kind      Kind
		cert, key string
	}{{KindNode, CAFile, CAKey}, {KindClient, ClientCAFile, ClientCAKey}} {
		pair, err := NewAuthority(cluster, a.kind, now)
		if err != nil {
			return nil, nil, err
		}
		if files[a.key], err = EncodeKey(pair.Key); err != nil {
			return nil, nil, err
		}
		files[a.cert], certs[a.cert] = EncodeCerts(pair.Cert), pair.Cert
	}
	return files, certs, nil
}

// IssueNode writes a TLS directory for a node, signed by the authority in caDir.
func IssueNode(caDir, dir, name string, hosts []string, life time.Duration, now time.Time) error {
	return issueInto(caDir, dir, KindNode, name, hosts, life, now, CAFile, ClientCAFile)
}

// IssueClient writes a directory with the certificate of a client, its key, and the certificates
// of the authority that signs nodes.
func IssueClient(caDir, dir, name string, life time.Duration, now time.Time) error {
	return issueInto(caDir, dir, KindClient, name, nil, life, now, CAFile)
}

func issueInto(caDir, dir string, kind Kind, name string, hosts []string, life time.Duration, now time.Time, trusted ...string) error {
	ca, caKey, certFile, keyFile := CAFile, CAKey, NodeFile, NodeKey
	if kind == KindClient {
		ca, caKey, certFile, keyFile = ClientCAFile, ClientCAKey, ClientFile, ClientKey
	}
	authority, err := ReadPair(filepath.Join(caDir, ca), filepath.Join(caDir, caKey))
	if err != nil {
		return err
	}
	cluster, err := authority.Cluster()
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(caDir, ca), err)
	}
	pair, err := authority.Issue(Request{Identity: Identity{cluster, kind, name}, Hosts: hosts, Life: life}, now)
	if err != nil {
		return err
	}
	files := map[string][]byte{certFile: EncodeCerts(pair.Cert)}
	if files[keyFile], err = EncodeKey(pair.Key); err != nil {
		return err
	}
	for _, file := range trusted {
		if files[file], err = trust(caDir, file); err != nil {
			return err
		}
	}
	return WriteNew(dir, files)
}

// trust returns what is to be trusted: during a rotation the old authority and the new one.
func trust(caDir, file string) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(caDir, BothDir, file))
	if errors.Is(err, fs.ErrNotExist) {
		raw, err = os.ReadFile(filepath.Join(caDir, file))
	}
	return raw, err
}
