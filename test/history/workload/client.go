package workload

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/test/history/linear"
)

// A client acquires one lease after the other, each with its own session and holder. It does not use a session again
// after an operation of that session had an unknown outcome.
type client struct {
	run  *Run
	rng  *rand.Rand
	name string
	turn int
	node int // index of the next node; see ask
}

func (r *Run) newClient(i int) *client {
	return &client{run: r, rng: r.rng(uint64(i)), name: fmt.Sprintf("%s-c%d", r.cfg.ID, i), node: i}
}

func (c *client) work(ctx context.Context) {
	cfg := &c.run.cfg
	for ctx.Err() == nil && (cfg.Ops == 0 || c.run.Ops() < cfg.Ops) {
		c.turn++
		name := cfg.Names[c.rng.IntN(len(cfg.Names))]
		switch {
		case c.happens(cfg.Mix.Read):
			c.do(linear.Op{Kind: linear.Read, Name: name.Name})
		case c.happens(cfg.Mix.Break) && name.Limit == 1:
			c.breakHold(name.Name)
		default:
			c.want(ctx, name)
		}
		c.pause(ctx, c.upTo(cfg.Pause))
	}
}

func (c *client) happens(share float64) bool { return c.rng.Float64() < share }

func (c *client) upTo(d time.Duration) time.Duration {
	return time.Duration(c.rng.Int64N(int64(d) + 1))
}

func (c *client) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (c *client) ttl() time.Duration { return time.Duration(c.run.cfg.TTL) * time.Millisecond }

// want acquires a lease and, if it is granted, holds it.
func (c *client) want(ctx context.Context, name Name) {
	op := linear.Op{
		Kind: linear.Acquire, Name: name.Name, Limit: name.Limit, TTL: cmp.Or(name.TTL, c.run.cfg.TTL),
		Session: fmt.Sprintf("%s-session-%08d", c.name, c.turn), Holder: fmt.Sprintf("%s.%d", c.name, c.turn),
	}
	if c.happens(c.run.cfg.Mix.Wait) {
		op.Wait = fsm.Millis(1 + c.rng.Int64N(2*int64(c.run.cfg.TTL)))
	}
	got := c.do(op)
	if got.Result == linear.Refused && got.Queued {
		got = c.askAgain(op)
	}
	if got.Result == linear.Done {
		c.hold(ctx, got)
	}
}

// askAgain runs when a wait has timed out and its ticket is kept. The client waits again, leaves the queue, or
// crashes.
func (c *client) askAgain(op linear.Op) (got linear.Op) {
	switch {
	case c.happens(c.run.cfg.Mix.Crash):
	case c.happens(0.5):
		return c.do(op)
	default:
		c.do(linear.Op{Kind: linear.Release, Name: op.Name, Session: op.Session, Holder: op.Holder})
	}
	return linear.Op{}
}

// breakHold breaks the hold of a lease.
func (c *client) breakHold(name string) {
	read := c.do(linear.Op{Kind: linear.Read, Name: name})
	if read.Result != linear.Done || len(read.Holders) == 0 {
		return
	}
	graces := c.run.cfg.graces()
	c.do(linear.Op{
		Kind: linear.Break, Name: name, Token: read.Holders[0].Token, Grace: graces[c.rng.IntN(len(graces))],
	})
}

// hold keeps a lease for a while, then releases it or lets it expire.
func (c *client) hold(ctx context.Context, got linear.Op) {
	mix := &c.run.cfg.Mix
	keep := linear.Op{Kind: linear.Renew, Name: got.Name, Session: got.Session, Holder: got.Holder, Token: got.Got}
	if c.happens(mix.Repeat) {
		again := got
		again.Wait = 0
		if c.do(asked(again)).Result != linear.Done {
			return
		}
	}
	switch held := c.holdOn(ctx, keep); {
	case !held || c.happens(mix.Crash):
		return
	case c.happens(mix.Lapse):
		c.pause(ctx, c.ttl()+c.upTo(c.ttl()/2))
		if c.do(keep).Result != linear.Done {
			return
		}
	}
	keep.Kind = linear.Release
	c.do(keep)
}

// asked returns the request of an operation, without its response.
func asked(op linear.Op) linear.Op {
	return linear.Op{
		Kind: op.Kind, Name: op.Name, Session: op.Session, Holder: op.Holder,
		Limit: op.Limit, TTL: op.TTL, Wait: op.Wait, Token: op.Token, Grace: op.Grace,
	}
}

// holdOn keeps the lease and renews it at each third of its TTL. It reports whether the client still believes that it
// holds the lease.
func (c *client) holdOn(ctx context.Context, keep linear.Op) bool {
	if !c.happens(c.run.cfg.Mix.Long) {
		c.pause(ctx, c.upTo(c.ttl()/8))
		return true
	}
	for range 1 + c.rng.IntN(6) {
		c.pause(ctx, c.ttl()/3)
		if r := c.do(keep).Result; r != linear.Done && r != linear.Failed {
			return false
		}
	}
	return true
}
