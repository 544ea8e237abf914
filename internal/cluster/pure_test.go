package cluster

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

func TestOnlyWhatRaftRefusesBeforeAppendingIsNotApplied(t *testing.T) {
	for err, want := range map[error]error{
		raft.ErrNotLeader:                    fsm.ErrNoLeader,
		raft.ErrEnqueueTimeout:               fsm.ErrNoLeader,
		raft.ErrLeadershipTransferInProgress: fsm.ErrNoLeader,
		raft.ErrLeadershipLost:               fsm.ErrUnknown,
		raft.ErrRaftShutdown:                 fsm.ErrUnknown,
		raft.ErrAbortedByRestore:             fsm.ErrUnknown,
		errors.New("disk"):                   fsm.ErrUnknown,
	} {
		if got := outcome(fmt.Errorf("wrapped: %w", err)); !errors.Is(got, want) {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}

func TestPackerBoundsWhatWaitsAndIsEmptiedWithItsTerm(t *testing.T) {
	p := newPacker(&term{})
	var refused, ended int
	respond := func(_ fsm.Result, _ leader.Timing, err error) {
		switch {
		case errors.Is(err, fsm.ErrOverloaded):
			refused++
		case errors.Is(err, fsm.ErrNoLeader):
			ended++
		}
	}
	for range leader.MaxAcquires + 10 {
		p.propose(proposal{command: acquire("x", first), respond: respond})
	}
	if refused != 10 {
		t.Errorf("%d were refused, want 10", refused)
	}
	p.propose(proposal{command: &fsm.Park{Name: "x", Session: first}, respond: respond})
	if refused != 10 {
		t.Error("the leader's own was refused for want of room")
	}
	batch := p.take()
	if len(batch) > fsm.MaxEntryCommands || len(batch) == 0 {
		t.Errorf("an entry of %d commands", len(batch))
	}
	if _, own := batch[0].command.(*fsm.Park); !own {
		t.Error("the leader's own does not come first")
	}
	p.close()
	if want := leader.MaxAcquires + 1 - len(batch); ended != want {
		t.Errorf("%d were told that the term is over, want %d", ended, want)
	}
	p.propose(proposal{command: acquire("x", first), respond: respond})
	if want := leader.MaxAcquires + 2 - len(batch); ended != want {
		t.Error("a closed packer took another one")
	}
}
