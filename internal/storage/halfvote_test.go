package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/raftlog"
)

var errPowerLoss = errors.New("the process dies here")

// A process ends after each write of a vote. After a restart the candidate of the vote
// before requests a vote in the same term, and its log is behind. It must not get the
// vote: entries that were acknowledged would be overwritten. A candidate whose log
// is up to date gets the vote.
func TestHalfWrittenVoteElectsNoNodeWithShortLog(t *testing.T) {
	for written := range 3 {
		t.Run(fmt.Sprintf("after %d writes", written), func(t *testing.T) {
			dir := t.TempDir()
			voteThenDie(t, dir, written)
			if got := askForVote(t, dir, "former", 1, 1); got {
				t.Error("the former candidate, whose log is short, got the vote")
			}
			if got := askForVote(t, dir, "new", 9, 6); !got {
				t.Error("the candidate whose log is up to date got no vote")
			}
		})
	}
}

// voteThenDie stores a log of nine entries and a vote of term 5 for "former", and
// then so many writes of a vote of term 7 for "new".
func voteThenDie(t *testing.T, dir string, written int) {
	t.Helper()
	left := -1 // no limit
	disk := func(write func() error) error {
		if left == 0 {
			return errPowerLoss
		}
		left--
		return write()
	}
	s := storesFor(t, dir, disk)
	defer s.Close()
	var servers []raft.Server
	for _, id := range []raft.ServerID{"me", "former", "new"} {
		servers = append(servers, raft.Server{ID: id, Address: raft.ServerAddress(id)})
	}
	conf := raft.EncodeConfiguration(raft.Configuration{Servers: servers})
	logs := []*raft.Log{{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: conf}}
	for i := uint64(2); i <= 9; i++ {
		e := &fsm.Entry{Term: 6, Commands: []fsm.Command{&fsm.Stamp{}}}
		b, err := e.Encode(fsm.EntryVersion)
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, &raft.Log{Index: i, Term: 6, Type: raft.LogCommand, Data: b})
	}
	vote := func(term uint64, candidate string) error {
		return errors.Join(
			s.Stable.SetUint64([]byte("LastVoteTerm"), term), s.Stable.Set([]byte("LastVoteCand"), []byte(candidate)))
	}
	if err := errors.Join(s.Log.StoreLogs(logs), vote(5, "former"), s.Stable.SetUint64([]byte("CurrentTerm"), 7)); err != nil {
		t.Fatal(err)
	}
	left = written
	if err := vote(7, "new"); (err == nil) != (written >= 2) {
		t.Fatalf("the vote after %d writes: %v", written, err)
	}
}

func storesFor(t *testing.T, dir string, disk func(func() error) error) *Store {
	t.Helper()
	s, err := open(Options{Dir: dir, Disk: disk, Fail: func(error) {}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// askForVote starts Raft on a data directory and asks it for its vote in term 7.
func askForVote(t *testing.T, dir, candidate string, lastIndex, lastTerm uint64) bool {
	t.Helper()
	s := storesFor(t, dir, nil)
	defer s.Close()
	cfg := raft.DefaultConfig()
	cfg.Logger = raftlog.New(slog.New(slog.DiscardHandler))
	cfg.LocalID = "me"
	cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaderLeaseTimeout = time.Minute, time.Minute, time.Minute
	address, mine := raft.NewInmemTransport("me")
	_, theirs := raft.NewInmemTransport(raft.ServerAddress(candidate))
	theirs.Connect(address, mine)
	r, err := raft.NewRaft(cfg, &raft.MockFSM{}, s.Log, s.Stable, s.snapshots, mine)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Shutdown().Error(); err != nil {
			t.Error(err)
		}
	}()
	var resp raft.RequestVoteResponse
	if err := theirs.RequestVote("me", address, &raft.RequestVoteRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(candidate), Addr: []byte(candidate)},
		Term:      7, LastLogIndex: lastIndex, LastLogTerm: lastTerm,
	}, &resp); err != nil {
		t.Fatal(err)
	}
	return resp.Granted
}
