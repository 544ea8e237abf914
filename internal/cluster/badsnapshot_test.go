package cluster

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/storage"
)

// A leader sends what no node can restore. The follower refuses it, keeps serving,
// and starts again with its own data.
func TestFollowerRefusesBadSnapshots(t *testing.T) {
	nodes := startNodes(t, 3)
	leader := leaderAmong(t, nodes...)
	if _, err := do(t, leader, acquire("kept", first), patience); err != nil {
		t.Fatal(err)
	}
	target := without(nodes, leader)[0]
	id := target.self.identity().ID()
	var whole bytes.Buffer
	if err := fsm.New().Snapshot().Write(&whole); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"empty": {}, "junk": bytes.Repeat([]byte("junk"), 1<<16), "cut off": whole.Bytes()[:whole.Len()-1],
	} {
		err := leader.network.transport.NetworkTransport.InstallSnapshot(raft.ServerID(id), raft.ServerAddress(id), &raft.InstallSnapshotRequest{
			RPCHeader: raftHeader(leader), SnapshotVersion: 1, Term: leader.raft.CurrentTerm(), LastLogIndex: 1_000, LastLogTerm: 1,
			Configuration: raft.EncodeConfiguration(leader.raft.GetConfiguration().Configuration()), ConfigurationIndex: 1,
			Size: int64(len(content)),
		}, &raft.InstallSnapshotResponse{}, bytes.NewReader(content))
		if err == nil {
			t.Errorf("%s: the follower took the snapshot", name)
		}
	}
	if kept, err := target.store.Snapshots.List(); err != nil || len(kept) != 0 {
		t.Errorf("the follower kept %v, %v", kept, err)
	}
	r, err := do(t, target, &fsm.Renew{Name: "kept", Session: first}, patience)
	if err != nil || r.Code != fsm.CodeOK {
		t.Errorf("the follower afterwards: %v %v", r.Code, err)
	}
	target.stop()
	if err := <-target.done; err != nil {
		t.Errorf("the follower ended with %v", err)
	}
	target.done <- nil
	s, err := storage.Open(storage.Options{Dir: target.cfg.Dir, Fail: func(error) {}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
