package cluster

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

const patience = 30 * time.Second

// faultyDisk is a disk that a test can make fail or hang.
type faultyDisk struct {
	fail atomic.Bool
	hang atomic.Pointer[chan struct{}] // writes wait until it is closed
}

var errDisk = errors.New("input/output error")

func (f *faultyDisk) write(write func() error) error {
	if gate := f.hang.Load(); gate != nil {
		<-*gate
	}
	if f.fail.Load() {
		return errDisk
	}
	return write()
}

// testNode is a node without HTTP.
type testNode struct {
	*Node
	disk  faultyDisk
	wires atomic.Pointer[wire]
	stop  context.CancelFunc
	done  chan error
}

// wire intercepts the calls of a node's Raft to another node.
type wire func(to string, call func() error) error

// startNodes runs nodes that are one cluster.
func startNodes(t *testing.T, count int) []*testNode {
	t.Helper()
	return startNodesWith(t, count, func(int) time.Duration { return 200 * time.Millisecond })
}

func startNodesWith(t *testing.T, count int, heartbeat func(i int) time.Duration, tune ...func(*Config)) []*testNode {
	t.Helper()
	var nodes []*testNode
	var records []fsm.Node
	for i := range count {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		n := &testNode{done: make(chan error, 1)}
		cfg := Config{
			Name: string(rune('a' + i)), Dir: t.TempDir(), Port: Port{Listener: l, Peer: l.Addr().String(), HTTP: "127.0.0.1:1"},
			Join: []string{"127.0.0.1:1"}, Heartbeat: heartbeat(i), stampPause: 40 * time.Millisecond,
			Watchers: noWatchers{},
			Log:      slog.New(slog.DiscardHandler),
			intercept: func(to string, call func() error) error {
				if w := n.wires.Load(); w != nil {
					return (*w)(to, call)
				}
				return call()
			},
			Disk: n.disk.write,
		}
		for _, f := range tune {
			f(&cfg)
		}
		n.Node, err = New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
		records = append(records, n.self.record())
	}
	for _, n := range nodes {
		if err := n.self.pledge("test-cluster", records); err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			n.peers.learn(r)
		}
		// The same list on each, so that whichever is first can lead.
		if err := n.membership.bootstrap(t.Context(), records, "test-cluster"); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		var ctx context.Context
		ctx, n.stop = context.WithCancel(context.Background())
		go func() { n.done <- n.Run(ctx) }()
		t.Cleanup(func() {
			n.stop()
			select {
			case <-n.done:
			case <-time.After(patience):
				t.Error("a node did not end")
			}
		})
	}
	return nodes
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("it never came true that %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// leaderAmong waits for a node that leads and serves.
func leaderAmong(t *testing.T, nodes ...*testNode) (leader *testNode) {
	t.Helper()
	eventually(t, "a node leads", func() bool {
		for _, n := range nodes {
			if n.Ready() == nil && n.term.Load() != nil {
				leader = n
				return true
			}
		}
		return false
	})
	return leader
}

func without(nodes []*testNode, n *testNode) (rest []*testNode) {
	for _, o := range nodes {
		if o != n {
			rest = append(rest, o)
		}
	}
	return rest
}

func acquire(name, session string) *fsm.Acquire {
	return &fsm.Acquire{Name: name, Holder: session, Session: session, TTL: 60_000, Limit: 1}
}

func do(t *testing.T, n *testNode, c fsm.Command, timeout time.Duration) (fsm.Reply, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return n.Do(ctx, c)
}

const (
	first  = "first-session-0001"
	second = "second-session-001"
)

func TestADiskErrorStopsTheNodeAndAcknowledgesNothing(t *testing.T) {
	for _, who := range []string{"leader", "follower"} {
		t.Run(who, func(t *testing.T) {
			nodes := startNodes(t, 3)
			victim := leaderAmong(t, nodes...)
			if _, err := do(t, victim, acquire("kept", first), patience); err != nil {
				t.Fatal(err)
			}
			if who == "follower" {
				victim = without(nodes, victim)[0]
			}
			rest := without(nodes, victim)
			victim.disk.fail.Store(true)
			if who == "leader" {
				// Whatever it answers, it is not that this was done: its own disk refused it.
				if _, err := victim.try(t.Context(), victim.router.route(), acquire("new", second)); err == nil {
					t.Error("a leader whose disk fails acknowledged an entry")
				}
			} else if _, err := do(t, rest[0], acquire("new", second), patience); err != nil {
				t.Error(err)
			}
			err := <-victim.done
			victim.done <- err
			if !errors.Is(err, errDisk) {
				t.Errorf("the node ended with %v", err)
			}
			leaderAmong(t, rest...)
			r, err := do(t, rest[0], &fsm.Renew{Name: "kept", Session: first}, patience)
			if err != nil || r.Code != fsm.CodeOK {
				t.Errorf("the others: %v %v", r.Code, err)
			}
		})
	}
}

func TestHungDiskEndsLeadershipButNoLease(t *testing.T) {
	nodes := startNodes(t, 3)
	old := leaderAmong(t, nodes...)
	if _, err := do(t, old, acquire("kept", first), patience); err != nil {
		t.Fatal(err)
	}
	rest := without(nodes, old)
	gate := make(chan struct{})
	old.disk.hang.Store(&gate)
	began := time.Now()
	stuck := make(chan error, 1)
	go func() {
		_, err := do(t, old, acquire("new", second), patience)
		stuck <- err
	}()
	next := leaderAmong(t, rest...)
	t.Logf("another node led %v after the disk began to hang", time.Since(began).Round(time.Millisecond))
	if r, err := do(t, next, &fsm.Renew{Name: "kept", Session: first}, patience); err != nil || r.Code != fsm.CodeOK {
		t.Errorf("renewing at the next leader: %v %v", r.Code, err)
	}
	if err := old.Ready(); err == nil {
		t.Error("a node whose disk hangs reports that it is ready")
	}
	old.disk.hang.Store(nil)
	close(gate)
	// The request that hung in the old leader is sent to the new one.
	if err := <-stuck; err != nil {
		t.Errorf("the acquire that was stuck: %v", err)
	}
	eventually(t, "the old leader follows", func() bool { return old.Ready() == nil && old.term.Load() == nil })
	hash, _ := next.Hash()
	eventually(t, "the replicas agree", func() bool {
		h, _ := old.Hash()
		hash, _ = next.Hash()
		return h == hash
	})
}

func TestAHungDiskOfASingleNodeAnswersInTime(t *testing.T) {
	n := leaderAmong(t, startNodes(t, 1)...)
	if _, err := do(t, n, acquire("kept", first), patience); err != nil {
		t.Fatal(err)
	}
	gate := make(chan struct{})
	n.disk.hang.Store(&gate)
	if _, err := do(t, n, acquire("new", second), 2*time.Second); err == nil {
		t.Error("a write under a hung disk was acknowledged")
	}
	eventually(t, "the node is not ready", func() bool { return n.Ready() != nil })
	if _, err := do(t, n, &fsm.Renew{Name: "kept", Session: first}, 100*time.Millisecond); !errors.Is(err, fsm.ErrNoLeader) {
		t.Errorf("a renewal under a hung disk: %v", err)
	}
	n.disk.hang.Store(nil)
	close(gate)
	eventually(t, "it serves again", func() bool { return n.Ready() == nil })
	if r, err := do(t, n, &fsm.Renew{Name: "kept", Session: first}, patience); err != nil || r.Code != fsm.CodeOK {
		t.Errorf("afterwards: %v %v", r.Code, err)
	}
}

func TestTheTermEndsWhenAnEntryCannotBeRead(t *testing.T) {
	n := leaderAmong(t, startNodes(t, 1)...)
	eventually(t, "the leader has written what it writes by itself", func() bool {
		_, ok := n.recordOf(n.self.identity().ID())
		return ok
	})
	before, _ := n.Hash()
	_ = n.raft.Apply([]byte("not an entry"), time.Second).Error()
	err := <-n.done
	n.done <- err
	if err == nil {
		t.Error("the node ended well over an entry that it could not read")
	}
	if after, _ := n.Hash(); after != before {
		t.Error("the machine moved on over an entry that could not be read")
	}
}

// The callers of a dead leader dial it while the next one becomes known: neither
// may wait for the other.
func TestRoutesChangeWhileCallersDial(t *testing.T) {
	nodes := startNodes(t, 3)
	old := leaderAmong(t, nodes...)
	rest := without(nodes, old)
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for ctx.Err() == nil {
				within, done := context.WithTimeout(ctx, 50*time.Millisecond)
				_, _ = rest[0].peers.client(old.self.identity().ID()).Call(within, callQuery, asJSON(nil))
				done()
			}
		})
	}
	old.stop()
	for range 2_000 {
		rest[0].router.routeChanged()
		rest[0].peers.learn(fsm.Node{ID: old.self.identity().ID(), Peer: "127.0.0.1:1", HTTP: "127.0.0.1:1"})
		rest[0].peers.learn(fsm.Node{ID: old.self.identity().ID(), Peer: "127.0.0.1:2", HTTP: "127.0.0.1:1"})
	}
	cancel()
	callers.Wait()
	if _, err := do(t, leaderAmong(t, rest...), acquire("l", first), patience); err != nil {
		t.Error(err)
	}
}

func TestAnEntryOfAnotherTermIsNoEntry(t *testing.T) {
	n := leaderAmong(t, startNodes(t, 1)...)
	eventually(t, "the leader has written what it writes by itself", func() bool {
		_, ok := n.recordOf(n.self.identity().ID())
		return ok
	})
	before, _ := n.Hash()
	for _, term := range []uint64{n.raft.CurrentTerm() - 1, n.raft.CurrentTerm() + 1} {
		entry := fsm.Entry{Term: term, Stamp: 1 << 40, Commands: []fsm.Command{acquire("l", first)}}
		data, err := entry.Encode(1)
		if err != nil {
			t.Fatal(err)
		}
		f := n.raft.Apply(data, time.Second)
		if err := f.Error(); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(f.Response().(error), errOtherTerm) {
			t.Errorf("term %d: %v", term, f.Response())
		}
	}
	if after, _ := n.Hash(); after != before {
		t.Error("an entry of another term changed the machine")
	}
}

// A wait may be over before its acquire is written: the acquire comes first all
// the same, and the answer about its place is what happens to it.
func TestAWaitThatIsOverBeforeItIsWrittenKeepsItsPlace(t *testing.T) {
	n := leaderAmong(t, startNodes(t, 1)...)
	if _, err := do(t, n, acquire("l", first), patience); err != nil {
		t.Fatal(err)
	}
	gate := make(chan struct{})
	n.disk.hang.Store(&gate)
	c := acquire("l", second)
	c.Wait = 20
	replies := make(chan fsm.Reply, 1)
	n.term.Load().leader.Submit(c, n.now(), func(r fsm.Reply, _ error) { replies <- r })
	term := n.term.Load()
	before := n.now()
	eventually(t, "the wait is over", func() bool { return n.now()-before > 100*time.Millisecond })
	n.disk.hang.Store(nil)
	close(gate)
	if r := <-replies; r.Code != fsm.CodeHeld || !r.Queued || r.Position != 1 {
		t.Errorf("the wait was answered %v, queued %v at %d", r.Code, r.Queued, r.Position)
	}
	if !term.leader.Serves() {
		t.Error("the term ended meanwhile: the test shows nothing")
	}
}
