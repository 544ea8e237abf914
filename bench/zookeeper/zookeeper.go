// Package zookeeper runs and measures ZooKeeper: three servers with the settings of its sample configuration, and the
// common Go client.
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

// ZooKeeper is the system: three servers that its script starts.
type ZooKeeper struct {
	script  string
	servers []*process.Process
	clients []string
}

const size = 3

// New returns the system of a script.
func New(script string) *ZooKeeper { return &ZooKeeper{script: script} }

// Info describes the system.
func (z *ZooKeeper) Info() system.Info {
	return system.Info{Name: "zookeeper", Role: system.Peer, Client: "go-zookeeper, a session and connection for each caller"}
}

// Servers writes the configuration of three new servers and returns them. They are not started.
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
		p.Args("start-foreground", config) // the script replaces itself by the server
		p.Setenv("ZOO_LOG_DIR="+p.Dir, "JMXDISABLE=true")
		if err := os.MkdirAll(p.Dir, 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(p.Dir, "myid"), fmt.Appendln(nil, i+1), 0o644); err != nil {
			return nil, err
		}
		// As in zoo_sample.cfg, without the limit of connections per address: all clients have one.
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

// stat returns the value of a labelled line of a server's "srvr" command.
func (z *ZooKeeper) stat(ctx context.Context, server int, label string) (string, error) {
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
	return "", errors.New("the server is not ready")
}

// Version returns the version that a server reports.
func (z *ZooKeeper) Version(ctx context.Context) (string, error) {
	v, err := z.stat(ctx, 0, "Zookeeper version:")
	v, _, _ = strings.Cut(v, "-") // without the build
	return v, err
}

// Leader returns the server that reports the mode "leader".
func (z *ZooKeeper) Leader(ctx context.Context) (int, error) {
	for i, p := range z.servers {
		if !p.Running() {
			continue
		}
		if mode, err := z.stat(ctx, i, "Mode:"); err == nil && mode == "leader" {
			return i, nil
		}
	}
	return 0, errors.New("no leader")
}

// Connect returns a client with a session of its own.
func (z *ZooKeeper) Connect(ctx context.Context, server int) (system.Client, error) {
	return connect(ctx, z.clients[server], system.TTL)
}
