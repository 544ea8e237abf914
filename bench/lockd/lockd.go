// Package lockd runs and measures lockd through its binary. Its callers are lockd's Go client and bare HTTP clients.
package lockd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/lockd/lockd/bench/lean"
	"github.com/lockd/lockd/bench/process"
	"github.com/lockd/lockd/bench/system"
	api "github.com/lockd/lockd/clients/go"
)

// Lockd is the system: a cluster of a lockd binary.
type Lockd struct {
	binary string
	caller Caller
	older  bool
	size   int
	nodes  []*process.Process
	http   []string
}

// Caller is the client that sends the requests.
type Caller string

// The callers. Each is the name of its system.
const (
	GoClient Caller = "lockd"
	NetHTTP  Caller = "lockd-http"
	Lean     Caller = "lockd-lean"
)

// Older returns the name of a caller's system with the older binary.
func (c Caller) Older() string { return string(c) + "-before" }

// New returns the system of a binary, with three nodes. older marks the binary to compare with.
func New(binary string, caller Caller, older bool) *Lockd {
	const nodes = 3
	return &Lockd{binary: binary, caller: caller, older: older, size: nodes}
}

// Of returns the same system with another number of nodes.
func (l *Lockd) Of(nodes int) system.System {
	return &Lockd{binary: l.binary, caller: l.caller, older: l.older, size: nodes}
}

// Info describes the system.
func (l *Lockd) Info() system.Info {
	i := system.Info{Name: string(l.caller), Role: system.Subject, Again: l.caller != GoClient}
	switch l.caller {
	case GoClient:
		i.Client = "its Go client, one connection pool for all callers"
	case NetHTTP:
		i.Client = "net/http, one connection pool for all callers, spread over all nodes"
	case Lean:
		i.Client, i.Role = "fasthttp, a connection for each caller: the server's own capacity, not compared", system.Capacity
	}
	if l.older {
		i.Name, i.Role, i.Of = l.caller.Older(), system.Before, i.Name
	}
	return i
}

// maxConns is the limit of connections and of waits. It is above the defaults, because all clients have one address.
const maxConns = 20_000

// Servers returns new nodes, which are not started. Except for maxConns, their settings are the defaults.
func (l *Lockd) Servers(dir string) ([]*process.Process, error) {
	addresses, err := process.FreeAddresses(2 * l.size)
	if err != nil {
		return nil, err
	}
	l.http, l.nodes = addresses[:l.size], nil
	for i := range l.size {
		p := process.New(dir, fmt.Sprintf("n%d", i), l.binary)
		p.Args("server", "--node-id", p.Name, "--data-dir", p.Dir, "--http-addr", l.http[i], "--peer-addr", addresses[l.size+i],
			"--bootstrap-expect", strconv.Itoa(l.size), "--join", strings.Join(addresses[l.size:], ","),
			"--max-conns", strconv.Itoa(maxConns), "--max-conns-per-ip", strconv.Itoa(maxConns),
			"--max-waits-per-ip", strconv.Itoa(maxConns))
		l.nodes = append(l.nodes, p)
	}
	return l.nodes, nil
}

// Version returns the version that the binary reports.
func (l *Lockd) Version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, l.binary, "version", "-o", "json").Output()
	if err != nil {
		return "", err
	}
	var v struct{ Version string }
	return v.Version, json.Unmarshal(out, &v)
}

// Leader returns the leader that the first running node reports.
func (l *Lockd) Leader(ctx context.Context) (int, error) {
	for i, p := range l.nodes {
		if p.Running() {
			return l.leaderBy(ctx, i)
		}
	}
	return 0, errors.New("no running node")
}

// leaderBy returns the leader that a node reports. It is an error if that leader does not run.
func (l *Lockd) leaderBy(ctx context.Context, node int) (int, error) {
	status, err := l.status(ctx, node)
	if err != nil {
		return 0, err
	}
	for i, p := range l.nodes {
		if p.Name == status.Leader && p.Running() {
			return i, nil
		}
	}
	return 0, errors.New("no leader")
}

// status is a part of a node's answer to GET /v1/cluster.
type status struct {
	Leader       string
	AppliedIndex uint64 `json:"applied_index"`
}

func (l *Lockd) status(ctx context.Context, node int) (s status, err error) {
	client := lean.New(l.http[node])
	defer client.Close()
	body, err := client.Body(ctx, "/v1/cluster")
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(body, &s)
}

// LogIndex returns the index of the last log entry that a node has applied.
func (l *Lockd) LogIndex(ctx context.Context, server int) (uint64, error) {
	s, err := l.status(ctx, server)
	return s.AppliedIndex, err
}

// Address returns a node's HTTP address.
func (l *Lockd) Address(server int) string { return l.http[server] }

// Connect returns a client with a session and connections of its own.
func (l *Lockd) Connect(_ context.Context, server int) (system.Client, error) {
	switch l.caller {
	case GoClient:
		return newGoClient(l.http[server:server+1], nil)
	case NetHTTP:
		return newClient(l.http[server], newPlain(l.http[server], newTransport())), nil
	}
	return newClient(l.http[server], lean.New(l.http[server])), nil
}

// Share returns clients with one connection pool.
func (l *Lockd) Share() (connect func(context.Context, int) (system.Client, error), done func(), err error) {
	switch l.caller {
	case GoClient:
		pool, err := api.NewHTTPClient(api.Config{})
		if err != nil {
			return nil, nil, err
		}
		return func(_ context.Context, server int) (system.Client, error) {
			return newGoClient(slices.Concat(l.http[server:], l.http[:server]), pool)
		}, pool.CloseIdleConnections, nil
	case NetHTTP:
		pool := newTransport()
		return func(_ context.Context, server int) (system.Client, error) {
			return newClient(l.http[server], newPlain(l.http[server], pool)), nil
		}, pool.CloseIdleConnections, nil
	}
	return nil, nil, errors.ErrUnsupported
}
