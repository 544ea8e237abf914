// Package revocation revokes a token and ends everything that its principal holds or waits for.
package revocation

import (
	"context"
	"errors"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

// Leases is the interface of the node. Its errors are those of package fsm.
type Leases interface {
	Do(ctx context.Context, c fsm.Command) (fsm.Reply, error)
	Query(ctx context.Context, q fsm.Query, stale bool) (fsm.Answer, error) // a stale one is of this node
}

// A Revocation is one request to revoke a token.
type Revocation struct {
	Leases  Leases
	CatchUp func(context.Context) error                  // waits until the node has everything that is committed now
	Bound   func() (context.Context, context.CancelFunc) // returns the context of one step
	Caller  access.Caller
	By      string        // who it is, for the events
	Token   access.Record // its ID and its principal

	Revoked bool // it has revoked the token
	Broken  int  // how many holds it has broken

	unsure bool                   // it may have revoked the token
	ended  int                    // how many holds and places in queues it has ended
	limit  uint64                 // the revision up to which the token may have acquired something
	queued map[fsm.AttemptID]bool // the places that it has found: one may be granted the lease before it ends
}

// Refused is the error of a caller that may not do this, or not any more.
type Refused access.Outcome

func (o Refused) Error() string { return access.Outcome(o).String() }

// Run revokes the token, unless it is gone, and then ends what its principal holds or waits for. After an error, Done
// reports what has changed. Run returns the revision of the revocation.
//
// The first pass ends everything. Further ones end what was left because it changed meanwhile, and nothing that another
// token of the principal has acquired since.
func (r *Revocation) Run() (revision uint64, err error) {
	r.queued = make(map[fsm.AttemptID]bool)
	if r.limit, err = r.revoke(); err != nil {
		return 0, err
	}
	all := true
	for before := -1; err == nil && before != r.ended; all = false {
		before = r.ended
		err = r.pass(all)
	}
	return r.limit, err
}

// Done says what a request that failed has changed, or "".
func (r *Revocation) Done() string {
	switch {
	case r.Revoked:
		return "The token is revoked, and " + r.Token.Principal + " may have holds that are not broken."
	case r.unsure:
		return "The token may or may not be revoked."
	case r.ended > 0:
		return "The token was revoked before, and " + r.Token.Principal + " may have holds that are not broken."
	}
	return ""
}

// revoke revokes the token until the leader answers that there is none, and returns the revision of that answer. Once the
// leader has applied the first revocation, it refuses what comes with the token. What it had accepted before is in the log
// before the second one.
func (r *Revocation) revoke() (upTo uint64, err error) {
	for {
		cmd := &fsm.ChangeAccess{Change: access.Change{Kind: access.DeleteToken, Token: r.Token}}
		cmd.Caller = r.Caller
		reply, err := r.do(cmd)
		switch {
		case err != nil:
			r.unsure = !errors.Is(err, fsm.ErrNoLeader) && !errors.Is(err, fsm.ErrNotReady) && !errors.Is(err, fsm.ErrOverloaded)
			return 0, err
		case reply.Outcome == access.UnknownToken:
			return reply.Revision, nil
		case !reply.Code.OK():
			return 0, Refused(reply.Outcome)
		}
		r.Revoked = true
	}
}

// pass ends all that the principal has now, or what it may have acquired with the token. It reads the state of this node:
// what another one answers has no sessions and no principals of waiters.
func (r *Revocation) pass(all bool) error {
	q := fsm.Query{Kind: fsm.QueryList, Limit: fsm.MaxListed}
	ctx, cancel := r.Bound()
	defer cancel()
	if err := r.CatchUp(ctx); err != nil {
		return err
	}
	for {
		a, err := r.Leases.Query(ctx, q, true)
		if err != nil {
			return err
		}
		for _, v := range a.Views {
			if err := r.lease(v.Lease, all); err != nil {
				return err
			}
		}
		if q.After = a.Next; a.Next == "" {
			return nil
		}
	}
}

// lease ends places in the queue before holds: the end of a hold would grant the lease to the next place.
func (r *Revocation) lease(l *fsm.Lease, all bool) error {
	for _, t := range l.Queue {
		if t.Principal != r.Token.Principal || !all && t.ID > r.limit {
			continue
		}
		r.queued[t.AttemptID] = true
		if _, err := r.end(&fsm.CancelAcquire{Name: l.Name, Session: t.Session, AttemptID: t.AttemptID}); err != nil {
			return err
		}
	}
	for _, h := range l.Holds {
		if h.Principal != r.Token.Principal || !all && h.Token > r.limit && !r.queued[h.AttemptID] {
			continue
		}
		cmd := &fsm.Break{Name: l.Name, Token: h.Token, Reason: "a token of its principal was revoked", By: r.By}
		cmd.Caller = r.Caller
		ended, err := r.end(cmd)
		if err != nil {
			return err
		}
		if ended {
			r.Broken++
		}
	}
	return nil
}

// end sends a command that ends something. It returns false if that had ended already.
func (r *Revocation) end(cmd fsm.Command) (bool, error) {
	reply, err := r.do(cmd)
	if err == nil && reply.Code == fsm.CodeAccessRefused {
		err = Refused(reply.Outcome)
	}
	if err != nil {
		return false, err
	}
	r.ended++
	return reply.Code.OK(), nil
}

func (r *Revocation) do(cmd fsm.Command) (fsm.Reply, error) {
	ctx, cancel := r.Bound()
	defer cancel()
	return r.Leases.Do(ctx, cmd)
}
