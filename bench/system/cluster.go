package system

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lockd/lockd/bench/process"
)

// Cluster is a running system with its data in one temporary directory.
type Cluster struct {
	System
	Servers []*process.Process
	dir     string
}

// startTimeout bounds the time until each server of a new cluster has granted a lease.
const startTimeout = 60 * time.Second

// Start starts a new cluster and waits until it is ready. The data is below dir, which should be on the disk to
// measure.
func Start(ctx context.Context, s System, dir string) (*Cluster, error) {
	own, err := os.MkdirTemp(dir, "bench-"+s.Info().Name+"-*")
	if err != nil {
		return nil, err
	}
	if own, err = filepath.Abs(own); err != nil {
		return nil, err
	}
	c := &Cluster{System: s, dir: own}
	if err = c.Reset(); err == nil {
		err = c.StartAll()
	}
	if err == nil {
		err = c.Ready(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return nil, errors.Join(ctx.Err(), c.Stop())
	case err != nil:
		c.kill()
		return nil, fmt.Errorf("start %s: %w; see the logs in %s", s.Info().Name, err, own)
	}
	return c, nil
}

// Reset stops the servers and removes their data. The next start makes a new cluster.
func (c *Cluster) Reset() (err error) {
	if err := c.Stop(); err != nil {
		return err
	}
	c.Servers, err = c.System.Servers(c.dir)
	return err
}

// StartAll starts every server that does not run.
func (c *Cluster) StartAll() error {
	for _, p := range c.Servers {
		if p.Running() {
			continue
		}
		if err := p.Start(); err != nil {
			return err
		}
	}
	return nil
}

// Ready waits until every server has granted a lease and the cluster has a leader.
func (c *Cluster) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for i := range c.Servers {
		if _, err := c.FirstWrite(ctx, i); err != nil {
			return err
		}
	}
	return c.eventually(ctx, func(ctx context.Context) error {
		_, err := c.Leader(ctx)
		return err
	})
}

// FirstWrite repeats Write until it succeeds, and returns the time of the acknowledgement.
func (c *Cluster) FirstWrite(ctx context.Context, server int) (acknowledged time.Time, err error) {
	err = c.eventually(ctx, func(ctx context.Context) (err error) {
		acknowledged, err = c.Write(ctx, server)
		return err
	})
	return acknowledged, err
}

// Write connects a new client to a server, acquires a new lease and releases it. It returns the time at which the
// server acknowledged the acquire.
func (c *Cluster) Write(ctx context.Context, server int) (acknowledged time.Time, err error) {
	client, err := c.Connect(ctx, server)
	if err != nil {
		return acknowledged, err
	}
	defer client.Close()
	name := fmt.Sprintf("bench.write.%d.%d", server, time.Now().UnixNano())
	if err := client.Acquire(ctx, name); err != nil {
		return acknowledged, err
	}
	acknowledged = time.Now()
	return acknowledged, client.ReleaseAll(ctx)
}

// eventually calls try until it succeeds or ctx ends. Each attempt has a timeout. It fails at once if a server has
// ended.
func (c *Cluster) eventually(ctx context.Context, try func(context.Context) error) error {
	const attempt, pause = 2 * time.Second, 10 * time.Millisecond
	for {
		bounded, cancel := context.WithTimeout(ctx, attempt)
		err := try(bounded)
		cancel()
		if err == nil {
			return nil
		}
		for _, p := range c.Servers {
			if !p.Running() {
				return fmt.Errorf("%s has ended: %w", p.Name, err)
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// Used returns the sum of the usage of all running servers.
func (c *Cluster) Used() (sum process.Usage, err error) {
	for _, p := range c.Servers {
		if !p.Running() {
			continue
		}
		u, err := p.Used()
		if err != nil {
			return sum, err
		}
		sum = sum.Add(u)
	}
	return sum, nil
}

// Terminate sends SIGTERM to every server and waits until all have ended.
func (c *Cluster) Terminate() error {
	for _, p := range c.Servers {
		if err := p.Signal(syscall.SIGTERM); err != nil {
			return err
		}
	}
	for _, p := range c.Servers {
		p.Wait()
	}
	return nil
}

// kill kills every running server.
func (c *Cluster) kill() {
	for _, p := range c.Servers {
		p.Kill()
	}
}

// Stop kills the servers and removes the data.
func (c *Cluster) Stop() error {
	c.kill()
	return os.RemoveAll(c.dir)
}
