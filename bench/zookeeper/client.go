package zookeeper

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/lockd/lockd/bench/system"
)

// client is one session. The library renews the session itself, so renewals are not offered.
type client struct {
	system.Limited
	address string
	conn    *zk.Conn

	mu    sync.Mutex
	wire  net.Conn // the connection of conn
	dead  bool
	held  map[string]bool
	locks map[string]*zk.Lock
}

// quiet is a logger that discards its lines.
type quiet struct{}

// Printf does nothing.
func (quiet) Printf(string, ...any) {}

// connect begins a session and waits until the server has accepted it.
func connect(ctx context.Context, address string, timeout time.Duration) (*client, error) {
	c := &client{address: address, held: make(map[string]bool), locks: make(map[string]*zk.Lock)}
	conn, events, err := zk.Connect([]string{address}, timeout, zk.WithDialer(c.dial), zk.WithLogger(quiet{}))
	if err != nil {
		return nil, err
	}
	c.conn = conn
	for {
		select {
		case e := <-events:
			if e.State == zk.StateHasSession {
				return c, nil
			}
		case <-ctx.Done():
			c.kill() // the unfinished session ends by its timeout
			go conn.Close()
			return nil, ctx.Err()
		}
	}
}

// dial connects to the server. It fails after kill.
func (c *client) dial(network, address string, timeout time.Duration) (net.Conn, error) {
	wire, err := net.DialTimeout(network, address, timeout)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return nil, errors.Join(errors.New("the session's process is dead"), wire.Close())
	}
	c.wire = wire
	return wire, nil
}

// kill closes the session's connection permanently, without ending the session at the server.
func (c *client) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = true
	if c.wire != nil {
		c.wire.Close()
	}
}

func path(name string) string { return "/" + name }

// Acquire creates an ephemeral node that does not exist.
func (c *client) Acquire(_ context.Context, name string) error {
	_, err := c.conn.Create(path(name), []byte("bench"), zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	if err == nil {
		c.setHeld(name, true)
	}
	return err
}

// Release deletes the node.
func (c *client) Release(_ context.Context, name string) error {
	err := c.conn.Delete(path(name), -1)
	if err == nil {
		c.setHeld(name, false)
	}
	return err
}

// setHeld records whether the session holds a node.
func (c *client) setHeld(name string, held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if held {
		c.held[name] = true
	} else {
		delete(c.held, name)
	}
}

// ReleaseAll deletes the nodes of the session, in transactions of up to a thousand.
func (c *client) ReleaseAll(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	const most = 1000
	for len(c.held) > 0 {
		var deletes []any
		var names []string
		for name := range c.held {
			if len(deletes) == most {
				break
			}
			names = append(names, name)
			deletes = append(deletes, &zk.DeleteRequest{Path: path(name), Version: -1})
		}
		if _, err := c.conn.Multi(deletes...); err != nil {
			return err
		}
		for _, name := range names {
			delete(c.held, name)
		}
	}
	return nil
}

// Read reads a node after a sync, which makes the read current.
func (c *client) Read(ctx context.Context, name string) error {
	if _, err := c.conn.Sync(path(name)); err != nil {
		return err
	}
	return c.ReadStale(ctx, name)
}

// ReadStale reads a node from the server's own state.
func (c *client) ReadStale(_ context.Context, name string) error {
	_, _, err := c.conn.Get(path(name))
	return err
}

// Watch sets a new watch after each change, because a watch of ZooKeeper reports one change.
func (c *client) Watch(ctx context.Context, name string, held func(bool)) error {
	for {
		exists, _, changed, err := c.conn.ExistsW(path(name))
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		held(exists)
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// Close ends the session.
func (c *client) Close() {
	c.mu.Lock()
	dead := c.dead
	c.mu.Unlock()
	if !dead {
		c.conn.Close()
	}
}
