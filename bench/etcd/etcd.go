// Package etcd runs and measures etcd: three servers with default settings, and the official client.
package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/lockd/lockd/bench/process"
	"github.com/lockd/lockd/bench/system"
)

// Etcd is the system: three servers of a binary.
type Etcd struct {
	binary  string
	shared  bool // clients share connections
	servers []*process.Process
	clients []string
}

const size = 3

// New returns the system of a binary. Its clients share connections, or each has a connection of its own.
func New(binary string, shared bool) *Etcd { return &Etcd{binary: binary, shared: shared} }

// connections is the number of shared connections.
const connections = 16

// Info describes the system.
func (e *Etcd) Info() system.Info {
	if e.shared {
		return system.Info{Name: "etcd", Role: system.Peer, Client: fmt.Sprintf("clientv3 and concurrency, %d connections for all callers", connections)}
	}
	return system.Info{Name: "etcd-conns", Role: system.Peer, Again: true, Client: "clientv3 and concurrency, a connection for each caller"}
}

// Servers returns three new servers, which are not started.
func (e *Etcd) Servers(dir string) ([]*process.Process, error) {
	addresses, err := process.FreeAddresses(2 * size)
	if err != nil {
		return nil, err
	}
	var cluster []string
	for i := range size {
		cluster = append(cluster, fmt.Sprintf("e%d=http://%s", i, addresses[size+i]))
	}
	e.clients, e.servers = addresses[:size], nil
	for i := range size {
		client, peer := "http://"+addresses[i], "http://"+addresses[size+i]
		p := process.New(dir, fmt.Sprintf("e%d", i), e.binary)
		p.Args("--name", p.Name, "--data-dir", p.Dir, "--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(cluster, ","), "--initial-cluster-state", "new")
		e.servers = append(e.servers, p)
	}
	return e.servers, nil
}

// dial returns the official client with one server as its only endpoint.
func (e *Etcd) dial(ctx context.Context, server int) (*clientv3.Client, error) {
	const timeout = 5 * time.Second
	return clientv3.New(clientv3.Config{
		Endpoints: []string{e.clients[server]}, DialTimeout: timeout, Context: ctx, Logger: zap.NewNop(),
	})
}

// status returns the status of the first running server that answers.
func (e *Etcd) status(ctx context.Context) (*clientv3.StatusResponse, error) {
	err := errors.New("no running server")
	for i, p := range e.servers {
		if !p.Running() {
			continue
		}
		var c *clientv3.Client
		if c, err = e.dial(ctx, i); err != nil {
			continue
		}
		defer c.Close()
		var s *clientv3.StatusResponse
		if s, err = c.Status(ctx, e.clients[i]); err == nil {
			return s, nil
		}
	}
	return nil, err
}

// Version returns the version that a server reports.
func (e *Etcd) Version(ctx context.Context) (string, error) {
	s, err := e.status(ctx)
	if err != nil {
		return "", err
	}
	return s.Version, nil
}

// Leader returns the running server with the leader's member id.
func (e *Etcd) Leader(ctx context.Context) (int, error) {
	s, err := e.status(ctx)
	if err != nil {
		return 0, err
	}
	for i, p := range e.servers {
		if !p.Running() {
			continue
		}
		c, err := e.dial(ctx, i)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		if own, err := c.Status(ctx, e.clients[i]); err == nil && own.Header.MemberId == s.Leader {
			return i, nil
		}
	}
	return 0, errors.New("no leader")
}

// Connect returns a client with a connection of its own. It creates its etcd lease when it needs one.
func (e *Etcd) Connect(_ context.Context, server int) (system.Client, error) {
	// A client ends with its context; this one ends when it is closed.
	c, err := e.dial(context.Background(), server)
	if err != nil {
		return nil, err
	}
	return &client{etcd: c, own: true}, nil
}

// Share returns clients that share connections to their servers, or an error that wraps errors.ErrUnsupported if each
// has its own.
func (e *Etcd) Share() (connect func(context.Context, int) (system.Client, error), done func(), err error) {
	if !e.shared {
		return nil, nil, errors.ErrUnsupported
	}
	var mu sync.Mutex
	var all []*clientv3.Client
	of := make(map[int][]*clientv3.Client) // by server
	next := make(map[int]int)
	connect = func(_ context.Context, server int) (system.Client, error) {
		mu.Lock()
		defer mu.Unlock()
		if len(of[server]) < (connections+server)/size { // 16 over three servers: 5, 5 and 6
			c, err := e.dial(context.Background(), server)
			if err != nil {
				return nil, err
			}
			all, of[server] = append(all, c), append(of[server], c)
		}
		next[server]++
		return &client{etcd: of[server][next[server]%len(of[server])]}, nil
	}
	done = func() {
		for _, c := range all {
			_ = c.Close() // no request depends on it any more
		}
	}
	return connect, done, nil
}
