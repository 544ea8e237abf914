package transport

import (
	"errors"
	"log/slog"
	"math"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/raftlog"
)

func newRaft(t *testing.T) *raft.Raft {
	t.Helper()
	cfg := raft.DefaultConfig()
	cfg.LocalID, cfg.Logger = "a", raftlog.New(slog.New(slog.DiscardHandler))
	store := raft.NewInmemStore()
	_, network := raft.NewInmemTransport("a")
	r, err := raft.NewRaft(cfg, &raft.MockFSM{}, store, store, raft.NewInmemSnapshotStore(), network)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Shutdown().Error(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// A node that has no term yet joins a cluster whose terms are high.
func TestNodeWithoutTermAcceptsAnyTerm(t *testing.T) {
	tr := &Raft{}
	tr.Started(newRaft(t))
	if !tr.believable(2 * maxTermJump) {
		t.Error("a new node can never join the cluster")
	}
}

func TestAnswerWithImpossibleTermIsAnError(t *testing.T) {
	r := newRaft(t)
	configuration := raft.Configuration{Servers: []raft.Server{{ID: "a", Address: "a"}}}
	if err := r.BootstrapCluster(configuration).Error(); err != nil {
		t.Fatal(err)
	}
	tr := &Raft{}
	tr.Started(r)
	for _, term := range []uint64{math.MaxUint64 - 1, 1 << 60} {
		if err := tr.checkAnswer(nil, term); !errors.Is(err, errTermTooHigh) {
			t.Errorf("an answer of term %d: %v", term, err)
		}
	}
	if err := tr.checkAnswer(nil, 2); err != nil {
		t.Errorf("an answer of the next term: %v", err)
	}
}
