package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

// AuthorityLife is how long a new authority's certificate is valid.
const AuthorityLife = 10 * 365 * 24 * time.Hour

// backdate tolerates clocks of other machines that are behind.
const backdate = 5 * time.Minute

// A Pair is a certificate with its private key.
type Pair struct {
	Cert *x509.Certificate
	Key  *ecdsa.PrivateKey
}

// NewAuthority makes the authority of a cluster that signs one kind of certificates.
func NewAuthority(cluster string, kind Kind, now time.Time) (Pair, error) {
	id := Identity{Cluster: cluster, Kind: kind, Name: "ca"}
	if err := id.Check(); err != nil {
		return Pair{}, err
	}
	key, serial, err := newKey()
	if err != nil {
		return Pair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject: pkix.Name{
			Organization: []string{"lockd"}, OrganizationalUnit: []string{cluster}, CommonName: fmt.Sprintf("%s %s CA", cluster, kind),
		},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(AuthorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return sign(template, template, key, key)
}

// Cluster returns the name of the cluster that an authority is for.
func (a Pair) Cluster() (string, error) {
	if unit := a.Cert.Subject.OrganizationalUnit; len(unit) == 1 && a.Cert.IsCA {
		return unit[0], nil
	}
	return "", errors.New("the certificate is not that of a lockd authority; make one with lockd tls init")
}

// A Request is what a certificate is made for. Hosts are DNS names and IP addresses, which
// only a node has.
type Request struct {
	Identity Identity
	Hosts    []string
	Life     time.Duration
}

// Issue signs a certificate with a new key.
func (a Pair) Issue(r Request, now time.Time) (Pair, error) {
	if err := r.Identity.Check(); err != nil {
		return Pair{}, err
	}
	if r.Life <= 0 || now.Add(r.Life).After(a.Cert.NotAfter) {
		return Pair{}, fmt.Errorf("the certificate would be valid for %v, which must be above 0 and end before its authority does, %v",
			r.Life, a.Cert.NotAfter.Format(time.DateOnly))
	}
	key, serial, err := newKey()
	if err != nil {
		return Pair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{"lockd"}, CommonName: r.Identity.Name},
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(r.Life),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		URIs:         []*url.URL{r.Identity.url()},
	}
	if r.Identity.Kind == KindNode {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		if err := addHosts(template, r.Hosts); err != nil {
			return Pair{}, err
		}
	} else if len(r.Hosts) > 0 {
		return Pair{}, errors.New("a client's certificate has no hosts")
	}
	return sign(template, a.Cert, key, a.Key)
}

func addHosts(template *x509.Certificate, hosts []string) error {
	for _, h := range hosts {
		switch ip := net.ParseIP(h); {
		case ip != nil:
			template.IPAddresses = append(template.IPAddresses, ip)
		case !hostForm.MatchString(h) || len(h) > 253:
			return fmt.Errorf("host %q is neither a DNS name nor an IP address; leave out port and scheme", h)
		default:
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	return nil
}

func newKey() (*ecdsa.PrivateKey, *big.Int, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, fmt.Errorf("make a serial number: %w", err)
	}
	return key, serial, nil
}

func sign(template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (Pair, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return Pair{}, fmt.Errorf("sign the certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return Pair{}, fmt.Errorf("read the certificate that was signed: %w", err)
	}
	return Pair{Cert: cert, Key: key}, nil
}
