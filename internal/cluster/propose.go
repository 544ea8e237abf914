package cluster

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// enqueueTimeout bounds how long Raft may take to accept an entry.
const enqueueTimeout = time.Second

// Propose hands an entry to Raft; see leader.Host.
func (t *term) Propose(entry []byte, done func(*fsm.Applied, error)) {
	future := t.n.raft.Apply(entry, enqueueTimeout)
	t.inFlight.Go(func() { done(t.await(future)) })
}

// await waits for an entry's outcome. It gives up a moment after the term has ended.
func (t *term) await(future raft.ApplyFuture) (*fsm.Applied, error) {
	done := make(chan error, 1)
	go func() { done <- future.Error() }()
	var err error
	select {
	case err = <-done:
	case <-t.ended:
		select {
		case err = <-done:
		case <-time.After(leader.LastAnswers):
			return nil, fsm.ErrUnknown
		}
	}
	if err != nil {
		return nil, outcomeOf(err)
	}
	switch r := future.Response().(type) {
	case *fsm.Applied:
		return r, nil
	case error:
		if errors.Is(r, errOtherTerm) {
			return nil, fsm.ErrNoLeader
		}
	}
	return nil, fsm.ErrUnknown
}

// outcomeOf sorts Raft's errors. Only these are returned before an entry is appended; after
// every other one the outcome is unknown.
func outcomeOf(err error) error {
	for _, before := range []error{
		raft.ErrNotLeader, raft.ErrEnqueueTimeout, raft.ErrLeadershipTransferInProgress,
	} {
		if errors.Is(err, before) {
			return fmt.Errorf("%w (%w)", fsm.ErrNoLeader, err)
		}
	}
	return fmt.Errorf("%w (%w)", fsm.ErrUnknown, err)
}
