package cluster

import (
	"errors"
	"fmt"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/storage"
	"github.com/lockd/lockd/internal/transport"
)

// checkCertificate returns an error if the node's own certificate is for another node: no node would accept it.
func (c *Config) checkCertificate(name string) error {
	if c.Security == nil || c.Security.Own == name {
		return nil
	}
	return fmt.Errorf("the certificate in --tls-dir is for the node %q, and this node is %q; make one with lockd tls node %[2]s",
		c.Security.Own, name)
}

var errForeignCertificate = errors.New("the hello names another node than the certificate")

// proven returns an error if the caller's certificate is for another node than its hello. Addresses, membership and
// votes depend on the ID in the hello. Without TLS, it accepts every hello.
func proven(h transport.Hello) error {
	if h.Proven == "" || h.Name == h.Proven && namedIn(h.From, h.Proven) {
		return nil
	}
	return errForeignCertificate
}

// namedIn reports whether an ID is of a node with that name.
func namedIn(id, name string) bool { return storage.NameIn(id) == name }

// formsItself returns an error unless the caller is the first member of its bootstrap configuration, which sends it.
func formsItself(h transport.Hello, f formation) error {
	if len(f.Nodes) == 0 {
		return &fsm.Refused{Reason: "the list of members is empty"}
	}
	return speaksFor(h, f.Nodes[0])
}

// speaksFor returns an error unless the caller sends its own record.
func speaksFor(h transport.Hello, node fsm.Node) error {
	if h.From == node.ID && h.Name == node.Name {
		return nil
	}
	return &fsm.Refused{Reason: "a node introduces only itself"}
}
