// Package etcd is etcd as the comparison knows it: three servers with default
// settings, and the official client.
package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/lockd/lockd/bench/process"
	"github.com/lockd/lockd/bench/system"
)

// Etcd runs three servers of a binary.
type Etcd struct {
	binary  string
	servers []*process.Process
	clients []string
}

const size = 3

// New returns the system that a binary is.
func New(binary string) *Etcd { return &Etcd{binary: binary} }

// Name is what rows are told apart by.
func (e *Etcd) Name() string { return "etcd" }

// Servers describes three new servers.
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

// dial returns the official client of one server alone.
func (e *Etcd) dial(ctx context.Context, server int) (*clientv3.Client, error) {
	const patience = 5 * time.Second
	return clientv3.New(clientv3.Config{
		Endpoints: []string{e.clients[server]}, DialTimeout: patience, Context: ctx, Logger: zap.NewNop(),
	})
}

// status asks the servers that run, until one answers.
func (e *Etcd) status(ctx context.Context) (*clientv3.StatusResponse, error) {
	err := errors.New("no server runs")
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

// Version is what a server says.
func (e *Etcd) Version(ctx context.Context) (string, error) {
	s, err := e.status(ctx)
	if err != nil {
		return "", err
	}
	return s.Version, nil
}

// Leader finds the server whose id the others know as the leader's.
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

// Connect makes a client with a connection and, once it needs one, a lease of its own.
func (e *Etcd) Connect(_ context.Context, server int) (system.Client, error) {
	// A client ends with its context; this one ends when it is closed.
	c, err := e.dial(context.Background(), server)
	if err != nil {
		return nil, err
	}
	return &client{etcd: c}, nil
}
