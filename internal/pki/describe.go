package pki

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Described is a certificate for people to read.
type Described struct {
	File    string    `json:"file"`
	Subject string    `json:"subject"` // the identity, or the common name of an authority
	Hosts   []string  `json:"hosts"`
	Expires time.Time `json:"expires"`
	Serial  string    `json:"serial"`
	Issuer  string    `json:"issuer"`
}

// Describe describes the certificates in a file, or in the .crt files of a directory.
func Describe(path string) ([]Described, error) {
	paths := []string{path}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if paths, err = filepath.Glob(filepath.Join(path, "*.crt")); err != nil {
			return nil, err
		}
		if len(paths) == 0 {
			return nil, fmt.Errorf("%s contains no .crt file", path)
		}
	}
	var all []Described
	for _, p := range paths {
		certs, err := ReadCerts(p)
		if err != nil {
			return nil, err
		}
		for _, cert := range certs {
			all = append(all, describe(p, cert))
		}
	}
	return all, nil
}

func describe(path string, cert *x509.Certificate) Described {
	d := Described{
		File: path, Subject: cert.Subject.CommonName, Hosts: append([]string{}, cert.DNSNames...),
		Expires: cert.NotAfter.UTC(), Serial: cert.SerialNumber.Text(16), Issuer: cert.Issuer.CommonName,
	}
	if id, err := IdentityOf(cert); err == nil {
		d.Subject = id.String()
	}
	for _, ip := range cert.IPAddresses {
		d.Hosts = append(d.Hosts, ip.String())
	}
	return d
}
