package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Names of files in a directory of an authority, of a node or of a client.
const (
	CAFile       = "ca.crt"        // signs nodes; every member and client trusts it
	CAKey        = "ca.key"        // only in the authority's directory
	ClientCAFile = "client-ca.crt" // signs clients; every node trusts it for the HTTP port
	ClientCAKey  = "client-ca.key"
	NodeFile     = "node.crt"
	NodeKey      = "node.key"
	ClientFile   = "client.crt"
	ClientKey    = "client.key"
)

const maxFile = 1 << 20

// EncodeCerts returns certificates as PEM.
func EncodeCerts(certs ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range certs {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) // a buffer never fails
	}
	return b.Bytes()
}

// EncodeKey returns a private key as PEM.
func EncodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ReadCerts reads all certificates of a PEM file, at least one.
func ReadCerts(path string) ([]*x509.Certificate, error) {
	raw, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s contains a %s: want certificates only", path, block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("%s contains no certificate in PEM form", path)
	}
	return certs, nil
}

// ReadPair reads a certificate and its key. Of several certificates the first is that of
// the key.
func ReadPair(certPath, keyPath string) (Pair, error) {
	certs, err := ReadCerts(certPath)
	if err != nil {
		return Pair{}, err
	}
	raw, err := readFile(keyPath)
	if err != nil {
		return Pair{}, err
	}
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != "PRIVATE KEY" {
		return Pair{}, fmt.Errorf("%s contains no private key in PEM form", keyPath)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	switch {
	case err != nil:
		return Pair{}, fmt.Errorf("%s: %w", keyPath, err)
	case !ok:
		return Pair{}, fmt.Errorf("%s is no ECDSA key", keyPath)
	case !key.PublicKey.Equal(certs[0].PublicKey):
		return Pair{}, fmt.Errorf("%s is not the key of %s", keyPath, certPath)
	}
	return Pair{Cert: certs[0], Key: key}, nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, explain(err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d bytes: no certificate is above %d", path, info.Size(), maxFile)
	}
	raw, err := os.ReadFile(path)
	return raw, explain(err)
}

// explain adds what to do to an error of the file system.
func explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; run as the owner of the file", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; lockd tls makes it", err)
	}
	return err
}

// WriteNew writes files into a directory, which it makes if need be. None may exist, and
// either all of them are written or none. Keys get mode 0600, the rest 0644.
func WriteNew(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var written []string
	for name, content := range files {
		path := filepath.Join(dir, name)
		err := writeOne(path, content)
		if err != nil {
			for _, p := range written {
				_ = os.Remove(p)
			}
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s exists; remove it or choose another directory with --out", path)
			}
			return err
		}
		written = append(written, path)
	}
	return nil
}

func writeOne(path string, content []byte) error {
	mode := fs.FileMode(0o644)
	if filepath.Ext(path) == ".key" {
		mode = 0o600
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(path)
		return err
	}
	return nil
}
