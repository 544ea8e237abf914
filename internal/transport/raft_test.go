package transport

import (
	"log/slog"
	"testing"

	"github.com/hashicorp/raft"
)

// countedRounds counts rounds as leader.Rounds does, and keeps what was answered.
type countedRounds struct {
	sent, answered uint64
}

func (r *countedRounds) Sent() uint64 { return r.sent }

func (r *countedRounds) Answered(_ string, _, round uint64) bool {
	r.answered = round
	return true
}

// A round that begins while a request is on its way is not confirmed by the answer to that
// request: the follower may have followed a new leader since it sent the answer.
func TestAnswerCountsForTheRoundBeforeItsRequest(t *testing.T) {
	rounds := &countedRounds{sent: 3}
	stream := NewStream("a")
	t.Cleanup(func() { _ = stream.Close() })
	confirmed := 0
	resp := &raft.AppendEntriesResponse{}
	tr := NewRaft(RaftConfig{
		Stream:  stream,
		Rounds:  rounds,
		Acked:   func() { confirmed++ },
		Stalled: func() bool { return false },
		Log:     slog.New(slog.DiscardHandler),
		Intercept: func(string, func() error) error {
			rounds.sent++ // a renewal or a read begins a round
			resp.Term = 7
			return nil
		},
	})
	t.Cleanup(func() { _ = tr.Close() })
	if err := tr.AppendEntries("b", "b", &raft.AppendEntriesRequest{Term: 7}, resp); err != nil {
		t.Fatal(err)
	}
	if rounds.sent != 4 || rounds.answered != 3 || confirmed != 1 {
		t.Errorf("the answer counts for round %d, want 3; %d rounds were begun, %d answers counted",
			rounds.answered, rounds.sent, confirmed)
	}
}
