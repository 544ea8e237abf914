package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cluster is three real processes with their data in one temporary directory.
type cluster struct {
	dir    string
	nodes  []*node
	client *http.Client
}

type node struct {
	name, http, peer string
	args             []string
	binary           string
	log              io.Writer
	cmd              *exec.Cmd
}

const startTimeout = 30 * time.Second

func startCluster(ctx context.Context, binary string, size int) (*cluster, error) {
	dir, err := os.MkdirTemp(".", "bench-data-*")
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, client: &http.Client{
		Timeout:   startTimeout,
		Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 512},
	}}
	var join []string
	for i := range size {
		n := &node{name: fmt.Sprintf("n%d", i), http: freeAddress(), peer: freeAddress(), binary: binary}
		join = append(join, n.http)
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		log, err := os.Create(filepath.Join(dir, n.name+".log"))
		if err != nil {
			return nil, err
		}
		n.log = log
		n.args = []string{
			"server", "--node-id", n.name, "--data-dir", filepath.Join(dir, n.name), "--http-addr", n.http,
			"--peer-addr", n.peer, "--bootstrap-expect", strconv.Itoa(size), "--join", strings.Join(join, ","),
		}
		if err := n.start(); err != nil {
			return nil, err
		}
	}
	_, err = c.leader(ctx)
	return c, err
}

// freeAddress returns a loopback address outside of the range of outgoing connections.
func freeAddress() string {
	for {
		address := fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(18_000))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
}

func (n *node) start() error {
	n.cmd = exec.Command(n.binary, n.args...)
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	return n.cmd.Start()
}

func (n *node) kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill()
		_ = n.cmd.Wait() // killed: its end is no news
		n.cmd = nil
	}
}

func (c *cluster) stop(keep bool) {
	for _, n := range c.nodes {
		n.kill()
	}
	if !keep {
		os.RemoveAll(c.dir)
	}
}

// leader waits until every node that runs is ready, and returns who leads.
func (c *cluster) leader(ctx context.Context) (*node, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for ctx.Err() == nil {
		ready := 0
		var name string
		for _, n := range c.nodes {
			var status struct{ Leader string }
			if c.call(ctx, http.MethodGet, n, "/readyz", nil, nil) == nil &&
				c.call(ctx, http.MethodGet, n, "/v1/cluster", nil, &status) == nil && status.Leader != "" {
				name = status.Leader
				ready++
			}
		}
		for _, n := range c.nodes {
			if ready == len(c.nodes) && n.name == name {
				return n, nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil, errors.New("the cluster did not become ready")
}

// call makes a request, and decodes what it got where out is not nil.
func (c *cluster) call(ctx context.Context, method string, n *node, path string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+n.http+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode > 299 {
		return fmt.Errorf("%s %s: %s %s", method, path, resp.Status, raw)
	}
	if out != nil {
		return json.Unmarshal(raw, out)
	}
	return nil
}

// memory returns a process's resident bytes.
func (n *node) memory() (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("VmRSS is not there")
}
