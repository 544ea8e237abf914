package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
)

// A leader that was stopped finds old answers in its sockets when it goes on.
// Here they are held back on purpose, so that it happens each time: Raft's own
// VerifyLeader believes them, and lockd must not.
func TestAnswersFromBeforeTheQuestionConfirmNothing(t *testing.T) {
	// The leader-to-be notices late that it has lost touch, as a stopped one does.
	nodes := startNodesWith(t, 3, func(i int) time.Duration {
		if i == 0 {
			return 10 * time.Second
		}
		return 200 * time.Millisecond
	})
	old, rest := nodes[0], nodes[1:]
	if err := leaderAmong(t, rest...).TransferLeader(t.Context(), old.self.identity().ID()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a leads", func() bool {
		if old.raft.State() == raft.Leader {
			_ = old.raft.VerifyLeader() // its own heartbeats are too rare for the others
		}
		return old.term.Load() != nil
	})
	hold, err := do(t, old, acquire("l", first), patience)
	if err != nil {
		t.Fatal(err)
	}

	held := make(chan struct{})
	release := make(chan struct{})
	holdBack := wire(func(_ string, call func() error) error {
		err := call()
		select {
		case held <- struct{}{}:
		default:
		}
		<-release
		return err
	})
	oldID := old.self.identity().ID()
	cut := wire(func(to string, call func() error) error {
		if to == oldID {
			return errors.New("cut off")
		}
		return call()
	})
	for _, n := range rest {
		n.wires.Store(&cut)
	}
	old.wires.Store(&holdBack)
	begun := old.network.rounds.Sent()
	_ = old.raft.VerifyLeader()
	<-held // a heartbeat was answered, and the answer waits

	next := leaderAmong(t, rest...)
	if _, err := do(t, next, &fsm.Break{Name: "l", Token: hold.Hold.Token, Reason: "the leader is cut off", Grace: 0}, patience); err != nil {
		t.Fatal(err)
	}
	if r, err := do(t, next, acquire("l", second), patience); err != nil || r.Code != fsm.CodeGranted {
		t.Fatalf("%v %v", r.Code, err)
	}

	if old.raft.State() != raft.Leader {
		t.Fatal("the old leader already knows: the test shows nothing")
	}
	believed := old.raft.VerifyLeader()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	renewed := make(chan fsm.Reply, 1)
	read := make(chan fsm.Answer, 1)
	term := old.term.Load()
	term.leader.Submit(&fsm.Renew{Name: "l", Session: first}, old.now(), func(r fsm.Reply, err error) {
		if err == nil {
			renewed <- r
		}
	})
	term.leader.Query(fsm.Query{Kind: fsm.QueryLease, Name: "l"}, func(a fsm.Answer, err error) {
		if err == nil {
			read <- a
		}
	})
	eventually(t, "the round has begun", func() bool { return old.network.rounds.Sent() > begun })
	close(release)

	if err := believed.Error(); err != nil {
		t.Logf("VerifyLeader was not fooled this time: %v", err)
	} else {
		t.Log("VerifyLeader believed an answer to a heartbeat from before its call")
	}
	select {
	case r := <-renewed:
		t.Errorf("a deposed leader confirmed a renewal: %v", r.Code)
	case a := <-read:
		t.Errorf("a deposed leader answered a read: token %d", a.Views[0].Lease.Holds[0].Token)
	case <-ctx.Done():
	}
	old.wires.Store(nil)
	for _, n := range rest {
		n.wires.Store(nil)
	}
	eventually(t, "the old leader follows", func() bool { return old.raft.State() == raft.Follower })
}
