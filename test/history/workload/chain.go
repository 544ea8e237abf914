package workload

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/lockd/lockd/test/history/linear"
)

// backoff is the pause between two attempts of one operation.
const backoff = 30 * time.Millisecond

// do runs an operation. If an attempt gets no response or an unknown outcome, it sends the same request to the next
// node, until there is a definite response or patience runs out. It returns the recorded operation.
func (c *client) do(op linear.Op) linear.Op {
	cfg := &c.run.cfg
	op.Client = c.name
	op.Sent = cfg.Now()
	for {
		op.Last = cfg.Now()
		a, delivered, err := c.ask(&op)
		op.Back = cfg.Now()
		op.Sendings++
		op.Stray = op.Stray || a.twice && op.Kind != linear.Read
		if err == nil && a.conclude(&op) {
			break
		}
		op.Stray = op.Stray || delivered && op.Kind != linear.Read
		if op.Back-op.Sent > cfg.Patience {
			op.Result = linear.Failed
			if op.Stray {
				op.Result = linear.Unknown
			}
			break
		}
		time.Sleep(backoff)
	}
	c.run.record(op)
	return op
}

// ask sends one attempt. After a failed attempt the next one goes to another node.
func (c *client) ask(op *linear.Op) (answer, bool, error) {
	cfg := &c.run.cfg
	ctx, cancel := context.WithTimeout(context.Background(), cfg.Timeout+time.Duration(op.Wait)*time.Millisecond)
	defer cancel()
	node := cfg.Nodes[c.node%len(cfg.Nodes)]
	a, delivered, err := c.run.send(ctx, node, op)
	if err != nil || a.status >= http.StatusInternalServerError {
		c.node++
	}
	return a, delivered, err
}

// conclude records a response and reports whether it is the outcome of the operation. A response that nothing was
// applied is an outcome only if no earlier attempt has an unknown outcome.
func (a *answer) conclude(op *linear.Op) bool {
	op.Node = a.node
	code := strings.TrimPrefix(a.Type, "/problems/")
	switch {
	case a.status < http.StatusMultipleChoices:
		op.Result, op.Created = linear.Done, a.status == http.StatusCreated
		op.Got, op.Slot, op.Waited, op.ExpiresIn, op.WasHeld = a.Token, a.Slot, a.Waited, a.ExpiresIn, a.WasHeld
		a.lease.show(op)
		return true
	case a.status == http.StatusConflict && a.Lease != nil:
		op.Result, op.Code, op.Queued = linear.Refused, code, a.Queued
		a.Lease.show(op)
		return true
	case a.Definitive && !op.Stray:
		op.Result, op.Code = linear.Failed, code
		return true
	}
	return false
}

func (l *lease) show(op *linear.Op) {
	op.Revision, op.State, op.Holders, op.Queue = l.Revision, l.State, l.Holders, l.Queue
}
