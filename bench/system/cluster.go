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

// A Cluster is a system that runs, with its data in one temporary directory.
type Cluster struct {
	System
	Servers []*process.Process
	dir     string
}

// startTimeout is how long a cluster may take until each server serves.
const startTimeout = 60 * time.Second

// Start runs a new cluster and waits until every server of it serves. The data
// are below dir, which should be on the disk that is to be measured.
func Start(ctx context.Context, s System, dir string) (*Cluster, error) {
	own, err := os.MkdirTemp(dir, "bench-"+s.Name()+"-*")
	if err != nil {
		return nil, err
	}
	if own, err = filepath.Abs(own); err != nil {
		return nil, err
	}
	c := &Cluster{System: s, dir: own}
	if err = c.Forget(); err == nil {
		err = c.StartAll()
	}
	if err == nil {
		err = c.Ready(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return nil, errors.Join(ctx.Err(), c.Stop())
	case err != nil:
		c.end()
		return nil, fmt.Errorf("%s: %w; see the logs in %s", s.Name(), err, own)
	}
	return c, nil
}

// Forget ends what runs and removes its data. What is started next is a new cluster.
func (c *Cluster) Forget() (err error) {
	if err := c.Stop(); err != nil {
		return err
	}
	c.Servers, err = c.System.Servers(c.dir)
	return err
}

// StartAll runs whatever does not run.
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

// Ready waits until every server has granted a lease, and one of them leads.
func (c *Cluster) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for i := range c.Servers {
		if _, err := c.First(ctx, i); err != nil {
			return err
		}
	}
	return c.eventually(ctx, func(ctx context.Context) error {
		_, err := c.Leader(ctx)
		return err
	})
}

// First tries until a server has granted a lease and taken it back, and tells when
// it had acknowledged that.
func (c *Cluster) First(ctx context.Context, server int) (acknowledged time.Time, err error) {
	err = c.eventually(ctx, func(ctx context.Context) (err error) {
		acknowledged, err = c.Write(ctx, server)
		return err
	})
	return acknowledged, err
}

// Write takes a new lease by a new client of a server, gives it back, and tells
// when the server had acknowledged that it was taken.
func (c *Cluster) Write(ctx context.Context, server int) (acknowledged time.Time, err error) {
	client, err := c.Connect(ctx, server)
	if err != nil {
		return acknowledged, err
	}
	defer client.Close()
	name := fmt.Sprintf("bench.write.%d.%d", server, time.Now().UnixNano())
	err = client.Acquire(ctx, name)
	if errors.Is(err, errors.ErrUnsupported) {
		err = client.Renew(ctx, name) // an echo has only this
	}
	if err != nil {
		return acknowledged, err
	}
	acknowledged = time.Now()
	return acknowledged, client.ReleaseAll(ctx)
}

// eventually tries until it works, with a bound on each attempt.
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

// Used sums up what the servers that run have used.
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

// End tells every server to end, and waits until all have.
func (c *Cluster) End() error {
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

func (c *Cluster) end() {
	for _, p := range c.Servers {
		p.Kill()
	}
}

// Stop ends the servers and removes the data.
func (c *Cluster) Stop() error {
	c.end()
	return os.RemoveAll(c.dir)
}
