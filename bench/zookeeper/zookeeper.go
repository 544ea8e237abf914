// Package zookeeper is ZooKeeper as the comparison knows it: three servers with
// the settings of its own example, and the Go client that is commonly used.
package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockd/lockd/bench/process"
	"github.com/lockd/lockd/bench/system"
)

// ZooKeeper runs three servers by its script.
type ZooKeeper struct {
	script  string
	servers []*process.Process
	clients []string
}

const size = 3

// New returns the system that a script runs.
func New(script string) *ZooKeeper { return &ZooKeeper{script: script} }

// Name is what rows are told apart by.
func (z *ZooKeeper) Name() string { return "zookeeper" }

// Servers describes three new servers, and writes what they read.
func (z *ZooKeeper) Servers(dir string) ([]*process.Process, error) {
	addresses, err := process.FreeAddresses(3 * size)
	if err != nil {
		return nil, err
	}
	z.clients, z.servers = addresses[:size], nil
	var quorum strings.Builder
	for i := range size {
		fmt.Fprintf(&quorum, "server.%d=%s:%s\n", i+1, addresses[size+i], port(addresses[2*size+i]))
	}
	for i := range size {
		p := process.New(dir, fmt.Sprintf("z%d", i), z.script)
		config := filepath.Join(p.Dir, "zoo.cfg")
		p.Args("start-foreground", config) // which becomes the server itself
		p.Setenv("ZOO_LOG_DIR="+p.Dir, "JMXDISABLE=true")
		if err := os.MkdirAll(p.Dir, 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(p.Dir, "myid"), fmt.Appendln(nil, i+1), 0o644); err != nil {
			return nil, err
		}
		// As in zoo_sample.cfg, without the bound on connections of one address.
		text := fmt.Sprintf("tickTime=2000\ninitLimit=10\nsyncLimit=5\nmaxClientCnxns=0\nadmin.enableServer=false\n"+
			"dataDir=%s\nclientPort=%s\nclientPortAddress=127.0.0.1\n%s", p.Dir, port(z.clients[i]), quorum.String())
		if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
			return nil, err
		}
		z.servers = append(z.servers, p)
	}
	return z.servers, nil
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// says asks a server for one of the lines that it tells of itself.
func (z *ZooKeeper) says(ctx context.Context, server int, label string) (string, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", z.clients[server])
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := io.WriteString(conn, "srvr"); err != nil {
		return "", err
	}
	raw, err := io.ReadAll(conn)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, label); ok {
			return strings.TrimSpace(rest), nil
		}
	}
	return "", errors.New("it does not serve yet")
}

// Version is what a server says.
func (z *ZooKeeper) Version(ctx context.Context) (string, error) {
	v, err := z.says(ctx, 0, "Zookeeper version:")
	v, _, _ = strings.Cut(v, "-") // the rest is of its build
	return v, err
}

// Leader is the server that says so.
func (z *ZooKeeper) Leader(ctx context.Context) (int, error) {
	for i, p := range z.servers {
		if !p.Running() {
			continue
		}
		if mode, err := z.says(ctx, i, "Mode:"); err == nil && mode == "leader" {
			return i, nil
		}
	}
	return 0, errors.New("no leader")
}

// Connect makes a client with a session of its own.
func (z *ZooKeeper) Connect(ctx context.Context, server int) (system.Client, error) {
	return connect(ctx, z.clients[server], system.TTL)
}
