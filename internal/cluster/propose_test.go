package cluster

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
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
		if got := outcomeOf(fmt.Errorf("wrapped: %w", err)); !errors.Is(got, want) {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}
