package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/pki"
	"github.com/lockd/lockd/internal/transport"
	"github.com/lockd/lockd/test/harness/certs"
)

func securityOf(s *pki.Store, mode PeerTLS) *Security {
	return &Security{
		Mode: mode, Own: s.Current().Identity.Name, Name: s.NodeName, Log: slog.New(slog.DiscardHandler),
		Server: func() *tls.Config { return s.PeerServer(nil) },
		Client: func() *tls.Config { return s.PeerClient(nil) },
	}
}

// startSecured runs three nodes of one cluster that require TLS.
func startSecured(t *testing.T, cluster *certs.Authorities) []*testNode {
	t.Helper()
	heartbeat := func(int) time.Duration { return 200 * time.Millisecond }
	return startNodesWith(t, 3, heartbeat, func(c *Config) { c.Security = securityOf(cluster.Store(c.Name), PeerTLSRequire) })
}

// A visitor opens connections to the peer port of a node.
type visitor struct {
	security *Security
	hello    transport.Hello
	to       *testNode
}

func (v visitor) open(ctx context.Context, kind transport.Kind) (transport.Conn, error) {
	return v.security.Open(ctx, transport.Call{
		Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", v.to.cfg.Peer)
		},
		Kind: kind, Hello: v.hello, Name: v.to.cfg.Name, Timeout: patience,
	})
}

// call returns the error of a call, as the called node reports it.
func (v visitor) call(ctx context.Context, method byte, question any) error {
	c := transport.NewClient(func(ctx context.Context) (transport.Conn, error) { return v.open(ctx, transport.KindCall) })
	defer c.Close()
	_, err := askJSON[struct{}](ctx, c, method, question)
	return err
}

// clusterState is what no stranger may change.
type clusterState struct {
	term    uint64
	voters  []string
	records []fsm.Node
	leader  string
}

func stateOf(leader *testNode) (s clusterState) {
	leader.replica.view(func(m *fsm.Machine) { s.records = m.Nodes() })
	s.term, s.voters, s.leader = leader.raft.CurrentTerm(), leader.raft.members(), leader.raft.leader()
	return s
}

// TestStrangerWithCertificateChangesNothing: a node of the cluster's authority that is not a member knows all names,
// IDs and addresses. It can introduce only itself, and it changes no term, vote, member or address.
func TestStrangerWithCertificateChangesNothing(t *testing.T) {
	cluster := certs.New(t, "prod")
	nodes := startSecured(t, cluster)
	leader := leaderAmong(t, nodes...)
	if _, err := do(t, leader, acquire("l", first), patience); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the members have records", func() bool { return len(stateOf(leader).records) == 3 })
	before := stateOf(leader)

	own := fsm.Node{ID: "x.00000001", Name: "x", Peer: "127.0.0.1:1", HTTP: "127.0.0.1:2", Version: fsm.EntryVersion}
	victim := without(nodes, leader)[0].self.record()
	victim.Peer = "127.0.0.1:1"
	x := securityOf(cluster.Store("x"), PeerTLSRequire)
	for _, to := range nodes {
		stranger := visitor{security: x, to: to, hello: transport.Hello{
			Cluster: leader.self.identity().Cluster, From: own.ID, Name: own.Name, Peer: own.Peer, HTTP: own.HTTP,
		}}
		if conn, err := stranger.open(t.Context(), transport.KindRaft); err == nil {
			conn.Close()
			t.Errorf("%s accepts Raft's messages from a node that is not a member", to.cfg.Name)
		}
		for name, question := range map[string]struct {
			method byte
			body   any
		}{
			"the removal of a member":          {callRemove, member{ID: victim.ID}},
			"a transfer of leadership":         {callTransfer, transfer{To: victim.ID}},
			"another address of a member":      {callIntroduce, victim},
			"a vote for a member":              {callJoin, joinRequest{Node: victim}},
			"an address at which none answers": {callJoin, joinRequest{Node: own}},
			"a list of members":                {callForm, formation{Cluster: "c", Nodes: []fsm.Node{own, victim}}},
			"a list of members of another":     {callForm, formation{Cluster: "c", Nodes: []fsm.Node{victim, own}}},
		} {
			if err := stranger.call(t.Context(), question.method, question.body); err == nil {
				t.Errorf("%s grants a stranger %s", to.cfg.Name, name)
			}
		}
		// The certificate does not allow another name, neither in the name nor in the ID.
		for _, name := range []string{victim.Name, own.Name} {
			posing := stranger
			posing.hello.From, posing.hello.Name = victim.ID, name
			if _, err := posing.open(t.Context(), transport.KindCall); err == nil || !strings.Contains(err.Error(), errForeignCertificate.Error()) {
				t.Errorf("%s as %s: %v", name, victim.ID, err)
			}
		}
	}
	after := stateOf(leader)
	if after.term != before.term || after.leader != before.leader || !slices.Equal(after.voters, before.voters) || !slices.Equal(after.records, before.records) {
		t.Errorf("the cluster was %+v and is %+v", before, after)
	}
	for _, n := range nodes {
		n.peers.mu.Lock()
		if r, ok := n.peers.records[victim.ID]; ok && r.Peer == victim.Peer || len(n.peers.records) > 3 {
			t.Errorf("%s has the records %v", n.cfg.Name, n.peers.records)
		}
		n.peers.mu.Unlock()
	}
}

// TestStrangerWithoutCertificateReachesNothing: neither TLS with another certificate nor a connection without TLS
// reaches the hello.
func TestStrangerWithoutCertificateReachesNothing(t *testing.T) {
	cluster := certs.New(t, "prod")
	nodes := startSecured(t, cluster)
	leader := leaderAmong(t, nodes...)
	before := stateOf(leader)
	record := without(nodes, leader)[0].self.record()
	hello := transport.Hello{Cluster: leader.self.identity().Cluster, From: record.ID, Name: record.Name, Peer: "127.0.0.1:1", HTTP: "127.0.0.1:2"}
	for name, store := range map[string]*pki.Store{
		"no TLS":                    nil,
		"another authority's node":  certs.New(t, "prod").Store(record.Name),
		"a node of another cluster": certs.New(t, "test").Store(record.Name),
	} {
		var s *Security
		if store != nil {
			s = securityOf(store, PeerTLSRequire)
			s.Client = func() *tls.Config {
				c := store.PeerClient(nil)
				c.VerifyConnection = nil // it accepts each node
				return c
			}
		}
		for _, kind := range []transport.Kind{transport.KindRaft, transport.KindCall} {
			v := visitor{security: s, hello: hello, to: leader}
			conn, err := v.open(t.Context(), kind)
			if err == nil {
				conn.Close()
				t.Errorf("%s: a connection was accepted", name)
			}
		}
	}
	if after := stateOf(leader); after.term != before.term || !slices.Equal(after.voters, before.voters) {
		t.Errorf("the cluster was %+v and is %+v", before, after)
	}
}

// TestNodeWithTheCertificateOfAnotherDoesNotStart: no other node would accept it.
func TestNodeWithTheCertificateOfAnotherDoesNotStart(t *testing.T) {
	cluster := certs.New(t, "prod")
	_, err := New(Config{
		Name: "a", Dir: t.TempDir(), Port: Port{Security: securityOf(cluster.Store("b"), PeerTLSAllow)}, Log: slog.New(slog.DiscardHandler),
	})
	if err == nil || !strings.Contains(err.Error(), "make one with lockd tls node a") {
		t.Errorf("the node started: %v", err)
	}
}

// TestLaggingNodeAcceptsALeaderThatItDoesNotKnow: a node whose list of members is old must accept the messages of a new
// leader as soon as it hears of no other one.
func TestLaggingNodeAcceptsALeaderThatItDoesNotKnow(t *testing.T) {
	nodes := startNodes(t, 3)
	leader := leaderAmong(t, nodes...)
	follower := without(nodes, leader)[0]
	eventually(t, "the follower hears of the leader", func() bool { return follower.raft.leader() != "" })
	unknown := transport.Hello{Cluster: leader.self.identity().Cluster, From: "y.00000001", Name: "y"}
	for _, n := range []*testNode{leader, follower} {
		if err := (peerHandler{n.Node}).admit(transport.KindRaft, unknown); err == nil {
			t.Errorf("%s accepts Raft's messages of an unknown node while there is a leader", n.cfg.Name)
		}
	}
	for _, n := range without(nodes, follower) {
		n.stop()
	}
	eventually(t, "the follower accepts a leader that it does not know", func() bool {
		return peerHandler{follower.Node}.admit(transport.KindRaft, unknown) == nil
	})
	if follower.raft.State() == raft.Leader {
		t.Error("it leads alone")
	}
	var refused *fsm.Refused
	if err := speaksFor(unknown, fsm.Node{ID: "y.00000001", Name: "z"}); !errors.As(err, &refused) {
		t.Errorf("a node introduced another one: %v", err)
	}
}
