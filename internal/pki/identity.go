package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// A Kind is what a certificate is for.
type Kind string

// Kinds of certificates.
const (
	KindNode   Kind = "node"
	KindClient Kind = "client"
)

// An Identity is the name in a certificate, as the URI lockd://CLUSTER/KIND/NAME. It is
// compared as a whole; no other name in a certificate counts.
type Identity struct {
	Cluster string
	Kind    Kind
	Name    string
}

const scheme = "lockd"

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// hostForm is a DNS name, without wildcards.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)

// Check returns an error for an identity that no certificate may have.
func (i Identity) Check() error {
	switch {
	case !nameForm.MatchString(i.Cluster):
		return fmt.Errorf("cluster name %q: use 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit", i.Cluster)
	case i.Kind != KindNode && i.Kind != KindClient:
		return fmt.Errorf("certificate kind %q is neither node nor client", i.Kind)
	case !nameForm.MatchString(i.Name):
		return fmt.Errorf("%s name %q: use 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit", i.Kind, i.Name)
	}
	return nil
}

func (i Identity) String() string {
	return fmt.Sprintf("%s://%s/%s/%s", scheme, i.Cluster, i.Kind, i.Name)
}

func (i Identity) url() *url.URL {
	return &url.URL{Scheme: scheme, Host: i.Cluster, Path: "/" + string(i.Kind) + "/" + i.Name}
}

// ErrNoIdentity is the error of a certificate that names no one in a cluster.
var ErrNoIdentity = errors.New("the certificate has no URI of the form lockd://CLUSTER/node/NAME or lockd://CLUSTER/client/NAME")

// IdentityOf returns the identity of a certificate. More than one lockd URI is refused.
func IdentityOf(cert *x509.Certificate) (Identity, error) {
	var found []Identity
	for _, u := range cert.URIs {
		if u.Scheme != scheme {
			continue
		}
		i, err := parseIdentity(u.String())
		if err != nil {
			return Identity{}, err
		}
		found = append(found, i)
	}
	switch len(found) {
	case 0:
		return Identity{}, ErrNoIdentity
	case 1:
		return found[0], nil
	}
	return Identity{}, fmt.Errorf("the certificate names %d identities: %v", len(found), found)
}

func parseIdentity(text string) (Identity, error) {
	rest, ok := strings.CutPrefix(text, scheme+"://")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 {
		return Identity{}, fmt.Errorf("identity %q is not of the form lockd://CLUSTER/KIND/NAME", text)
	}
	i := Identity{Cluster: parts[0], Kind: Kind(parts[1]), Name: parts[2]}
	if err := i.Check(); err != nil {
		return Identity{}, err
	}
	if i.String() != text {
		return Identity{}, fmt.Errorf("identity %q is not written as %q", text, i)
	}
	return i, nil
}
