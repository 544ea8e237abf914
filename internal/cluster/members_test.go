package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/transport"
)

// A stranger that asks for membership under made-up names, and states that it has
// applied everything, adds no voter and costs no quorum.
func TestAStrangerAddsNoVoters(t *testing.T) {
	nodes := startNodes(t, 3)
	leader := leaderAmong(t, nodes...)
	for i := range 8 {
		id := fmt.Sprintf("ghost%d.00000001", i%3)
		q := joinRequest{
			Node:    fsm.Node{ID: id, Name: id[:6], Peer: "127.0.0.1:1", HTTP: "127.0.0.1:2", Version: fsm.EntryVersion},
			Applied: math.MaxInt64,
		}
		if _, err := leader.acceptJoin(q); err == nil {
			t.Errorf("%s was taken in, and no node answers at its address", id)
		}
	}
	if got := len(leader.raft.servers()); got != 3 {
		t.Fatalf("the cluster has %d members", got)
	}
	if _, err := do(t, leader, acquire("l", first), patience); err != nil {
		t.Error(err)
	}
}

// A member without a vote that answers nothing gets none, whatever it states; and
// while it has none, no other node is taken in.
func TestANewcomerGetsItsVoteByWhatItAcknowledged(t *testing.T) {
	nodes := startNodes(t, 3)
	leader := leaderAmong(t, nodes...)
	ghost := fsm.Node{ID: "ghost.00000001", Name: "ghost", Peer: "127.0.0.1:1", HTTP: "127.0.0.1:2", Version: fsm.EntryVersion}
	if err := leader.raft.AddNonvoter(raft.ServerID(ghost.ID), "127.0.0.1:1", 0, patience).Error(); err != nil {
		t.Fatal(err)
	}
	if _, err := leader.acceptJoin(joinRequest{Node: ghost, Applied: math.MaxInt64}); err != nil {
		t.Fatal(err)
	}
	if got := len(leader.raft.voters()); got != 3 {
		t.Errorf("%d voters after a member without answers requested its vote", got)
	}
	other := ghost
	other.ID, other.Name = "other.00000001", "other"
	if _, err := leader.acceptJoin(joinRequest{Node: other}); err == nil {
		t.Error("a second newcomer was taken in while the first has no vote")
	}
}

// The new node answers at its address, so only the living member of that name prevents it, also
// before the records of the members are written.
func TestNewcomerWithNameOfLivingMemberIsRefused(t *testing.T) {
	nodes := startNodes(t, 3)
	leader := leaderAmong(t, nodes...)
	for _, member := range nodes {
		before := leader.raft.members()
		record := member.self.record()
		record.ID, record.Peer = record.Name+".99999999", welcoming(t)
		_, err := leader.acceptJoin(joinRequest{Node: record})
		var refused *fsm.Refused
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, "give the new node its own --node-id") {
			t.Errorf("a second node %s: want a refusal, got %v", record.Name, err)
		}
		if after := leader.raft.members(); !slices.Equal(before, after) {
			t.Fatalf("the members were %v and are %v", before, after)
		}
	}
}

// Members without a vote do not help to confirm that this node still leads.
func TestMembersWithoutVoteConfirmNothing(t *testing.T) {
	nodes := startNodes(t, 1)
	leader := leaderAmong(t, nodes...)
	for i, id := range []raft.ServerID{"x.00000001", "y.00000001"} {
		address := raft.ServerAddress(fmt.Sprintf("127.0.0.1:%d", i+1))
		if err := leader.raft.AddNonvoter(id, address, 0, patience).Error(); err != nil {
			t.Fatal(err)
		}
	}
	term, self := leader.term.Load(), leader.self.identity().ID()
	if got := term.Voters(); len(leader.raft.members()) != 3 || !slices.Equal(got, []string{self}) {
		t.Errorf("the voters of a round are %v, want %s alone", got, self)
	}
	if _, err := do(t, leader, acquire("l", first), patience); err != nil {
		t.Errorf("a quorum of one voter of one: %v", err)
	}
}

// Newcomers that ask at the same time are taken in one at a time as well, and what
// one without a vote states does not lower the budget of the cluster.
func TestNewcomersAtTheSameTimeAreTakenInOneByOne(t *testing.T) {
	nodes := startNodes(t, 3)
	leader := leaderAmong(t, nodes...)
	var asking sync.WaitGroup
	for i := range 8 {
		id := fmt.Sprintf("ghost%d.00000001", i)
		node := fsm.Node{
			ID: id, Name: id[:6], Peer: welcoming(t), HTTP: "127.0.0.1:2",
			Version: fsm.EntryVersion, MaxState: fsm.MinStateBytes,
		}
		asking.Go(func() { _, _ = leader.acceptJoin(joinRequest{Node: node}) })
	}
	asking.Wait()
	if got := len(leader.raft.servers()); got != 4 {
		t.Errorf("the cluster has %d members, want 3 and one newcomer", got)
	}
	leader.replica.view(func(m *fsm.Machine) {
		if m.Budget() == fsm.MinStateBytes {
			t.Error("a member without a vote set the budget of the state")
		}
	})
}

// welcoming returns the address of a peer port that accepts each hello and sends no more.
func welcoming(t *testing.T) string {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				var head [3]byte
				if _, err := io.ReadFull(conn, head[:]); err != nil {
					return
				}
				if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint16(head[1:]))); err != nil {
					return
				}
				time.Sleep(100 * time.Millisecond) // so that all are dialled at the same time
				answer := fmt.Appendf(nil, `{"version":%d}`, fsm.EntryVersion)
				_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return l.Addr().String()
}

// A vote is not given if fewer of the voters than the new quorum answer.
func TestAVoteNeedsAQuorumThatAnswers(t *testing.T) {
	nodes := startNodes(t, 3)
	leader := leaderAmong(t, nodes...)
	tm := leader.term.Load()
	servers := leader.raft.servers()
	follower := without(nodes, leader)[0].self.identity().ID()
	var others []raft.Server // the voters without the follower, which plays the newcomer
	for _, s := range servers {
		if string(s.ID) != follower {
			others = append(others, s)
		}
	}
	eventually(t, "a member that follows could get a vote", func() bool { return tm.mayVote(follower, others) })
	for i := range 3 {
		others = append(others, raft.Server{ID: raft.ServerID(fmt.Sprint("silent", i))})
	}
	if tm.mayVote(follower, others) {
		t.Error("a vote was given, and three of the six voters would be silent")
	}
}

// An address in a hello is believed once the node answers there under its ID.
func TestHelloRedirectsNoCalls(t *testing.T) {
	nodes := startNodes(t, 3)
	leader := leaderAmong(t, nodes...)
	follower := without(nodes, leader)[0]
	sink, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	before := leader.peers.address(follower.self.identity().ID())
	hello := transport.Hello{Cluster: "test-cluster", From: follower.self.identity().ID(), Name: "b", Peer: sink.Addr().String(), HTTP: "127.0.0.1:1"}
	if err := (peerHandler{leader.Node}).admit(transport.KindCall, hello); err != nil {
		t.Fatal(err)
	}
	conn, err := sink.Accept() // it is dialled back
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	eventually(t, "the proof has ended", func() bool {
		leader.peers.mu.Lock()
		defer leader.peers.mu.Unlock()
		return len(leader.peers.proofs) == 0
	})
	if got := leader.peers.address(follower.self.identity().ID()); got != before {
		t.Errorf("the leader believes that the follower is at %s", got)
	}
	hello.Peer = before
	hello.HTTP = "127.0.0.1:3" // this it can prove
	if err := (peerHandler{leader.Node}).admit(transport.KindCall, hello); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new record is believed", func() bool {
		leader.peers.mu.Lock()
		defer leader.peers.mu.Unlock()
		return leader.peers.records[hello.From].HTTP == hello.HTTP
	})
}

// What is known of nodes that are no members is forgotten.
func TestNodesWithoutMembershipAreRemoved(t *testing.T) {
	n := leaderAmong(t, startNodes(t, 1)...)
	n.peers.learn(fsm.Node{ID: "gone.1", Peer: "127.0.0.1:1"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, _ = n.peers.client("gone.1").Call(ctx, callQuery, asJSON(nil))
	eventually(t, "it is forgotten", func() bool {
		n.peers.mu.Lock()
		defer n.peers.mu.Unlock()
		_, known := n.peers.records["gone.1"]
		_, client := n.peers.clients["gone.1"]
		return !known && !client
	})
}

// A term near the end of its range would end all elections for good.
func TestImpossibleTermIsRefused(t *testing.T) {
	nodes := startNodes(t, 3)
	leader := leaderAmong(t, nodes...)
	target := without(nodes, leader)[0]
	for _, term := range []uint64{math.MaxUint64 - 1, 1 << 60} {
		for name, ask := range map[string]func() error{
			"a vote": func() error {
				return leader.network.transport.NetworkTransport.RequestVote(
					raft.ServerID(target.self.identity().ID()), raft.ServerAddress(target.self.identity().ID()),
					&raft.RequestVoteRequest{RPCHeader: raftHeader(leader), Term: term, LastLogIndex: 1 << 40, LeadershipTransfer: true},
					&raft.RequestVoteResponse{})
			},
			"a heartbeat": func() error {
				return leader.network.transport.NetworkTransport.AppendEntries(
					raft.ServerID(target.self.identity().ID()), raft.ServerAddress(target.self.identity().ID()),
					&raft.AppendEntriesRequest{RPCHeader: raftHeader(leader), Term: term}, &raft.AppendEntriesResponse{})
			},
			"entries": func() error {
				return leader.network.transport.NetworkTransport.AppendEntries(
					raft.ServerID(target.self.identity().ID()), raft.ServerAddress(target.self.identity().ID()),
					&raft.AppendEntriesRequest{RPCHeader: raftHeader(leader), Term: term, PrevLogEntry: 1}, &raft.AppendEntriesResponse{})
			},
		} {
			if err := ask(); err == nil {
				t.Errorf("%s of term %d was taken", name, term)
			}
		}
		if got := target.raft.CurrentTerm(); got >= term {
			t.Fatalf("the node's term is %d now", got)
		}
	}
	if _, err := do(t, leaderAmong(t, nodes...), acquire("l", first), patience); err != nil {
		t.Error(err)
	}
}

// A list of members that cannot be read would end the process: Raft panics over it.
func TestAJunkListOfMembersIsRefused(t *testing.T) {
	nodes := startNodes(t, 3)
	leader := leaderAmong(t, nodes...)
	id := without(nodes, leader)[0].self.identity().ID()
	term := leader.raft.CurrentTerm()
	junk := []byte("junk")
	err := leader.network.transport.NetworkTransport.AppendEntries(raft.ServerID(id), raft.ServerAddress(id), &raft.AppendEntriesRequest{
		RPCHeader: raftHeader(leader), Term: term, Entries: []*raft.Log{{Index: 1 << 20, Term: term, Type: raft.LogConfiguration, Data: junk}},
	}, &raft.AppendEntriesResponse{})
	if err == nil {
		t.Error("an entry with a junk list was taken")
	}
	err = leader.network.transport.NetworkTransport.InstallSnapshot(raft.ServerID(id), raft.ServerAddress(id), &raft.InstallSnapshotRequest{
		RPCHeader: raftHeader(leader), SnapshotVersion: 1, Term: term, Configuration: junk, LastLogIndex: 1 << 20, LastLogTerm: term,
	}, &raft.InstallSnapshotResponse{}, strings.NewReader(""))
	if err == nil {
		t.Error("a snapshot with a junk list was taken")
	}
	if _, err := do(t, leader, acquire("l", first), patience); err != nil {
		t.Error(err)
	}
}

func raftHeader(n *testNode) raft.RPCHeader {
	id := []byte(n.self.identity().ID())
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: id, Addr: id}
}

// A leader that is removed transfers its leadership first. The request succeeds although it
// is no leader then.
func TestTheLeaderCanBeRemoved(t *testing.T) {
	nodes := startNodes(t, 3)
	leader := leaderAmong(t, nodes...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	id := leader.self.identity().ID()
	if err := without(nodes, leader)[0].Remove(ctx, id); err != nil {
		t.Fatal(err)
	}
	next := leaderAmong(t, without(nodes, leader)...)
	if _, err := (administrator{next.Node}).find(id); err == nil {
		t.Error("it is a member still")
	}
}
