// Package consul runs and measures Consul: three servers with default settings, and the official client.
package consul

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/lockd/lockd/bench/process"
	"github.com/lockd/lockd/bench/system"
)

// Consul is the system: three servers of a binary.
type Consul struct {
	binary  string
	servers []*process.Process
	http    []string
	peers   []string // the addresses that the status reports
}

const size = 3

// New returns the system of a binary.
func New(binary string) *Consul { return &Consul{binary: binary} }

// Info describes the system.
func (c *Consul) Info() system.Info {
	return system.Info{Name: "consul", Role: system.Peer, Client: "consul/api, a session and connections for each caller"}
}

// Servers returns three new servers, which are not started.
func (c *Consul) Servers(dir string) ([]*process.Process, error) {
	addresses, err := process.FreeAddresses(3 * size)
	if err != nil {
		return nil, err
	}
	c.http, c.peers, c.servers = addresses[:size], addresses[size:2*size], nil
	serf := addresses[2*size:]
	for i := range size {
		p := process.New(dir, fmt.Sprintf("c%d", i), c.binary)
		p.Args("agent", "-server", "-node="+p.Name, fmt.Sprintf("-bootstrap-expect=%d", size), "-data-dir="+p.Dir,
			"-bind=127.0.0.1", "-client=127.0.0.1", "-http-port="+port(c.http[i]), "-server-port="+port(c.peers[i]),
			"-serf-lan-port="+port(serf[i]), "-serf-wan-port=-1", "-dns-port=-1", "-grpc-port=-1", "-grpc-tls-port=-1",
			// All clients have one address.
			"-hcl=limits { http_max_conns_per_client = 16384 }")
		for _, other := range serf {
			p.Args("-retry-join=" + other)
		}
		c.servers = append(c.servers, p)
	}
	return c.servers, nil
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// dial returns the official client of one server.
func (c *Consul) dial(server int) (*api.Client, *http.Transport, error) {
	cfg := api.DefaultNonPooledConfig()
	cfg.Address = c.http[server]
	const most = 64
	transport := &http.Transport{MaxIdleConns: most, MaxIdleConnsPerHost: most}
	cfg.Transport = transport
	client, err := api.NewClient(cfg)
	return client, transport, err
}

// Version returns the version that a server reports.
func (c *Consul) Version(context.Context) (string, error) {
	client, transport, err := c.dial(0)
	if err != nil {
		return "", err
	}
	defer transport.CloseIdleConnections()
	self, err := client.Agent().Self()
	if err != nil {
		return "", err
	}
	version, _ := self["Config"]["Version"].(string)
	return version, nil
}

// Leader returns the running server with the leader's address.
func (c *Consul) Leader(ctx context.Context) (int, error) {
	for i, p := range c.servers {
		if !p.Running() {
			continue
		}
		client, transport, err := c.dial(i)
		if err != nil {
			return 0, err
		}
		defer transport.CloseIdleConnections()
		leader, err := client.Status().LeaderWithQueryOptions((&api.QueryOptions{}).WithContext(ctx))
		if err != nil {
			continue
		}
		for j, peer := range c.peers {
			if peer == leader && c.servers[j].Running() {
				return j, nil
			}
		}
	}
	return 0, errors.New("no leader")
}

// Connect returns a client with connections of its own. It creates its session when it needs one.
func (c *Consul) Connect(_ context.Context, server int) (system.Client, error) {
	consul, transport, err := c.dial(server)
	if err != nil {
		return nil, err
	}
	return &client{consul: consul, transport: transport}, nil
}
