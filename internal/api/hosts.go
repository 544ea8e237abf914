package api

import (
	"fmt"

	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/hosts"
)

// advertised returns the addresses that the members of a cluster advertise to clients.
func advertised(of Cluster) []string {
	s := of.Status()
	addresses := []string{s.Node.HTTP}
	for _, m := range s.Nodes {
		addresses = append(addresses, m.HTTP)
	}
	return addresses
}

// misdirected answers a request whose Host is not a name of this node.
func misdirected(c *call) {
	p := c.problem(problems.UnknownHost)
	p.Detail = fmt.Sprintf("Nothing changed. This node does not answer to the Host %.260q. Use its IP address or the name that it "+
		"advertises, or add the name to --allowed-hosts.", hosts.Name(c.r.Host))
	c.refuse(p)
}
