// Package lockd is lockd as the comparison knows it: a binary and its HTTP
// interface. Nothing of lockd's own code is in it.
package lockd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/lockd/lockd/bench/lean"
	"github.com/lockd/lockd/bench/process"
	"github.com/lockd/lockd/bench/system"
)

// Lockd runs some nodes of a binary.
type Lockd struct {
	binary string
	size   int
	nodes  []*process.Process
	http   []string
}

// Name tells its rows apart.
const Name = "lockd"

// New returns the system that a binary is, of three nodes.
func New(binary string) *Lockd {
	const usual = 3
	return &Lockd{binary: binary, size: usual}
}

// Of returns the same of another size.
func (l *Lockd) Of(nodes int) system.System { return &Lockd{binary: l.binary, size: nodes} }

// Name is what rows are told apart by.
func (l *Lockd) Name() string { return Name }

// maxConns is more than the defaults: all clients here have one address.
const maxConns = 20_000

// Servers describes new nodes, with default settings but for that.
func (l *Lockd) Servers(dir string) ([]*process.Process, error) {
	addresses, err := process.FreeAddresses(2 * l.size)
	if err != nil {
		return nil, err
	}
	l.http, l.nodes = addresses[:l.size], nil
	for i := range l.size {
		p := process.New(dir, fmt.Sprintf("n%d", i), l.binary)
		p.Args("server", "--node-id", p.Name, "--data-dir", p.Dir, "--http-addr", l.http[i], "--peer-addr", addresses[l.size+i],
			"--bootstrap-expect", strconv.Itoa(l.size), "--join", strings.Join(l.http, ","),
			"--max-conns", strconv.Itoa(maxConns), "--max-conns-per-ip", strconv.Itoa(maxConns),
			"--max-waits-per-ip", strconv.Itoa(maxConns))
		l.nodes = append(l.nodes, p)
	}
	return l.nodes, nil
}

// Version is what the binary says.
func (l *Lockd) Version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, l.binary, "version", "-o", "json").Output()
	if err != nil {
		return "", err
	}
	var v struct{ Version string }
	return v.Version, json.Unmarshal(out, &v)
}

// Leader asks the first node that runs.
func (l *Lockd) Leader(ctx context.Context) (int, error) {
	for i, p := range l.nodes {
		if p.Running() {
			return l.leaderBy(ctx, i)
		}
	}
	return 0, errors.New("no node runs")
}

// leaderBy is the leader as a node knows it.
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

// status is what a node tells of the cluster and of itself.
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

// LogIndex is the last entry of the log that a node has applied.
func (l *Lockd) LogIndex(ctx context.Context, server int) (uint64, error) {
	s, err := l.status(ctx, server)
	return s.AppliedIndex, err
}

// Address is where a node serves clients.
func (l *Lockd) Address(server int) string { return l.http[server] }

// Connect makes a client with a session of its own.
func (l *Lockd) Connect(_ context.Context, server int) (system.Client, error) {
	return newClient(l.http[server]), nil
}
