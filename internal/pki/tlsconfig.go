package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// peerProtocol is the protocol of the peer port. A connection that is meant for one port of a node is refused at the
// other one, although both have the same certificate.
const peerProtocol = "lockd-peer"

// HTTPServer returns the configuration of the port for clients: TLS 1.3, HTTP/1.1, and a
// client's certificate if it has one. A node's certificate is refused: another authority signs it.
func (s *Store) HTTPServer() *tls.Config {
	return s.perHandshake(func(m *Material) *tls.Config {
		c := base(m)
		c.NextProtos = []string{"http/1.1"}
		c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, m.clients
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return nil
			}
			_, err := m.client(state.PeerCertificates[0])
			return err
		}
		return c
	})
}

// PeerServer returns the configuration of the peer port: only nodes of the cluster, and
// of those only the ones for which admit returns no error.
func (s *Store) PeerServer(admit func(Identity, *x509.Certificate) error) *tls.Config {
	return s.perHandshake(func(m *Material) *tls.Config {
		c := base(m)
		c.NextProtos = []string{peerProtocol}
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, m.nodes
		c.VerifyConnection = func(state tls.ConnectionState) error { return m.admitNode(state, admit) }
		return c
	})
}

// PeerClient returns the configuration for one connection to another node. Nodes are found at
// addresses that change, so the certificate is held to its identity and not to the address.
func (s *Store) PeerClient(admit func(Identity, *x509.Certificate) error) *tls.Config {
	m, now := s.Current(), s.now
	c := base(m)
	c.NextProtos = []string{peerProtocol}
	c.InsecureSkipVerify = true // VerifyConnection verifies the chain, without the host name
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("the peer has no certificate")
		}
		if err := m.verify(state.PeerCertificates[0], m.nodes, x509.ExtKeyUsageServerAuth, now()); err != nil {
			return err
		}
		return m.admitNode(state, admit)
	}
	return c
}

// NodeName returns the name in a node's certificate of a connection at the peer port.
func (s *Store) NodeName(state tls.ConnectionState) (string, error) {
	if len(state.PeerCertificates) == 0 {
		return "", ErrNotANode
	}
	id, err := IdentityOf(state.PeerCertificates[0])
	return id.Name, err
}

// Principal returns the name in a client's certificate of a connection at the HTTP port, or
// "" if the client showed none.
func (s *Store) Principal(state *tls.ConnectionState) (string, error) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return "", nil
	}
	// The authorities may have changed since the handshake.
	m := s.Current()
	if err := m.verify(state.PeerCertificates[0], m.clients, x509.ExtKeyUsageClientAuth, s.now()); err != nil {
		return "", err
	}
	id, err := m.client(state.PeerCertificates[0])
	return id.Name, err
}

func (s *Store) perHandshake(config func(*Material) *tls.Config) *tls.Config {
	c := config(s.Current()) // for listeners that want a certificate at once
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return config(s.Current()), nil }
	return c
}

func base(m *Material) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{m.cert},
		SessionTicketsDisabled: true, // each connection is verified by the current files
	}
}

func (m *Material) client(cert *x509.Certificate) (Identity, error) {
	id, err := IdentityOf(cert)
	if err != nil {
		return Identity{}, err
	}
	if id.Kind != KindClient || id.Cluster != m.Identity.Cluster {
		return Identity{}, fmt.Errorf("certificate of %s: want a client of cluster %s", id, m.Identity.Cluster)
	}
	return id, nil
}

func (m *Material) admitNode(state tls.ConnectionState, admit func(Identity, *x509.Certificate) error) error {
	if state.NegotiatedProtocol != peerProtocol {
		return errors.New("the other side does not speak the protocol of lockd's peer port")
	}
	cert := state.PeerCertificates[0]
	id, err := IdentityOf(cert)
	if err != nil {
		return err
	}
	if id.Kind != KindNode || id.Cluster != m.Identity.Cluster {
		return fmt.Errorf("%w: %s, and this is cluster %s", ErrNotANode, id, m.Identity.Cluster)
	}
	if admit == nil {
		return nil
	}
	return admit(id, cert)
}
