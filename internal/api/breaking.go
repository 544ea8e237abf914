package api

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

// anyRevision is no limit for breaking.pass.
const anyRevision = math.MaxUint64

// breaking revokes a token and ends what its principal holds or waits for.
type breaking struct {
	c       *call
	which   access.Record // its ID and its principal
	revoked bool          // this request has revoked the token
	unsure  bool          // this request may have revoked it
	ended   int           // holds and places in queues that were ended
	broken  int           // holds among them
}

// revoke revokes the token until the leader answers that there is none, and returns the revision up to which the token
// may have acquired something. Once the leader has applied the first revocation, it refuses what comes with the token.
// What it had accepted before is in the log before the second one. If that fails, revoke sends the answer and returns
// false.
func (b *breaking) revoke() (upTo uint64, ok bool) {
	for {
		r, err := b.revokeOnce()
		switch {
		case err != nil:
			b.unsure = kindOf(err) == kindOutcomeUnknown
			return 0, b.interrupted(err)
		case r.Outcome == access.UnknownToken:
			return r.Revision, true
		case !r.Code.OK():
			return 0, b.interrupted(lostRight(r.Outcome))
		}
		b.revoked = true
		b.c.record("a token is revoked", true, "principal", b.which.Principal, "token_id", b.which.ID, "by", b.c.caller.Principal)
	}
}

func (b *breaking) revokeOnce() (fsm.Reply, error) {
	cmd := &fsm.ChangeAccess{Change: access.Change{Kind: access.DeleteToken, Token: b.which}}
	cmd.Caller = b.c.caller.Caller
	ctx, cancel := b.c.deadline(0)
	defer cancel()
	return b.c.s.cfg.Leases.Do(ctx, cmd)
}

// pass ends what the principal acquired up to a revision and has now. If that fails, it sends the answer and returns
// false.
func (b *breaking) pass(upTo uint64) bool {
	q := fsm.Query{Kind: fsm.QueryList, Limit: fsm.MaxListed, Caller: b.c.caller.Caller}
	for {
		next, err := b.page(q, upTo)
		if err != nil {
			return b.interrupted(err)
		}
		if next == "" {
			return true
		}
		q.After = next
	}
}

// page is pass for one page of leases. It returns where the next page begins.
func (b *breaking) page(q fsm.Query, upTo uint64) (next string, err error) {
	ctx, cancel := b.c.deadline(0)
	defer cancel()
	a, err := b.c.s.cfg.Leases.Query(ctx, q, false)
	if err != nil {
		return "", err
	}
	if a.Outcome != access.Done {
		return "", lostRight(a.Outcome)
	}
	for _, v := range a.Views {
		if err := b.lease(ctx, v.Lease, upTo); err != nil {
			return "", err
		}
	}
	return a.Next, nil
}

// lease ends places in the queue before holds: the end of a hold would grant the lease to the next place.
func (b *breaking) lease(ctx context.Context, l *fsm.Lease, upTo uint64) error {
	for _, t := range l.Queue {
		if t.Principal != b.which.Principal || t.ID > upTo {
			continue
		}
		if _, err := b.end(ctx, &fsm.CancelAcquire{Name: l.Name, Session: t.Session, AttemptID: t.AttemptID}); err != nil {
			return err
		}
	}
	for _, h := range l.Holds {
		if h.Principal != b.which.Principal || h.Token > upTo {
			continue
		}
		cmd := &fsm.Break{Name: l.Name, Token: h.Token, Reason: "a token of its principal was revoked", By: operator(b.c)}
		cmd.Caller = b.c.caller.Caller
		code, err := b.end(ctx, cmd)
		if err != nil {
			return err
		}
		if code.OK() {
			b.broken++
		}
	}
	return nil
}

// end sends a command that ends something. A refusal other than that of the caller means that it has ended already.
func (b *breaking) end(ctx context.Context, cmd fsm.Command) (fsm.Code, error) {
	r, err := b.c.s.cfg.Leases.Do(ctx, cmd)
	if err == nil && r.Code == fsm.CodeAccessRefused {
		err = lostRight(r.Outcome)
	}
	if err != nil {
		return 0, err
	}
	b.ended++
	return r.Code, nil
}

// lostRight is the error of a caller that may not continue.
type lostRight access.Outcome

func (o lostRight) Error() string { return access.Outcome(o).String() }

// interrupted answers a request that failed, and returns false. If it has changed something, the answer says how to
// complete it.
func (b *breaking) interrupted(err error) bool {
	c := b.c
	lost, isLost := errors.AsType[lostRight](err)
	var done string
	switch {
	case b.revoked:
		done = "The token is revoked, and " + b.which.Principal + " may have holds that are not broken."
	case b.unsure:
		done = "The token may or may not be revoked."
	case b.ended > 0:
		done = "The token is not revoked, and some holds of " + b.which.Principal + " are broken."
	case isLost:
		refusedByTable(c, access.Outcome(lost))
		return false
	default:
		c.failed(err, kindOf)
		return false
	}
	if c.gone() && !c.closing() {
		c.silent = true
		return false
	}
	p := c.problem(kindOutcomeUnknown)
	p.Detail = fmt.Sprintf("%s To complete it, repeat the request with break=true and principal=%s.", done, b.which.Principal)
	c.refuse(p)
	return false
}
