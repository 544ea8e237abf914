package cluster

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/leader"
	"github.com/lockd/lockd/internal/raftlog"
	"github.com/lockd/lockd/internal/transport"
)

// stream is Raft's way over the peer port. Raft names peers by server ID, and
// the address is looked up at each dial, so addresses may change.
type stream struct {
	self  net.Addr
	dial  dialFunc
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}

	dialling context.Context // ends with hangUp
	hangUp   func()
}

type dialFunc func(ctx context.Context, kind transport.Kind, id string, timeout time.Duration) (transport.Conn, error)

func newStream(self net.Addr) *stream {
	s := &stream{self: self, conns: make(chan net.Conn), done: make(chan struct{})}
	s.dialling, s.hangUp = context.WithCancel(context.Background())
	return s
}

// Dial is Raft's. It ends at hangUp, too: Raft waits for its calls when it ends,
// and a name that nobody knows may take seconds to be looked up.
func (s *stream) Dial(id raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	return s.dial(s.dialling, transport.KindRaft, string(id), timeout)
}

// take hands an accepted connection over to Raft.
func (s *stream) take(conn net.Conn) {
	select {
	case s.conns <- conn:
	case <-s.done:
		conn.Close()
	}
}

func (s *stream) Accept() (net.Conn, error) {
	select {
	case conn := <-s.conns:
		return conn, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

func (s *stream) Close() error {
	s.hangUp()
	s.once.Do(func() { close(s.done) })
	return nil
}

func (s *stream) Addr() net.Addr { return s.self }

// byID lets Raft address a server by its ID.
type byID struct{}

func (byID) ServerAddr(id raft.ServerID) (raft.ServerAddress, error) {
	return raft.ServerAddress(id), nil
}

// idAddr is a node's ID as the address that its transport goes by.
type idAddr string

func (idAddr) Network() string  { return "lockd" }
func (a idAddr) String() string { return string(a) }

// raftTransport is Raft's network transport with some things added: answers to
// AppendEntries are noted and counted into rounds, followers hear of a commit soon,
// a node that was away is sent entries as soon as it is back, and a leader whose
// disk hangs falls silent, since Raft's own heartbeats would keep it leading for ever.
type raftTransport struct {
	*raft.NetworkTransport
	rounds    *leader.Rounds
	acked     func() // an answer may confirm a round
	contacts  *contacts
	commits   *commits
	mute      func() bool
	intercept func(to string, call func() error) error
	raft      atomic.Pointer[raft.Raft] // nil before it runs
	ended     <-chan struct{}           // closed when the node ends
	believed  chan raft.RPC             // requests whose term can be one
}

var (
	errMute = errors.New("this node's disk hangs: it does not speak as a leader")
	errAway = errors.New("the node does not answer, and is not waited for any more")
)

func newRaftTransport(s *stream, r *leader.Rounds, acked func(), mute func() bool, cfg *Config) *raftTransport {
	t := &raftTransport{
		NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			ServerAddressProvider: byID{},
			Logger:                raftlog.New(cfg.Log),
			Stream:                s,
			MaxPool:               maxPool,
			MaxRPCsInFlight:       1, // answers must pass AppendEntries below, and batches need no pipeline
			Timeout:               max(3*time.Second, 4*cfg.Heartbeat),
		}),
		rounds:    r,
		acked:     acked,
		contacts:  newContacts(),
		mute:      mute,
		intercept: cfg.intercept,
		ended:     s.dialling.Done(),
		believed:  make(chan raft.RPC),
	}
	t.commits = newCommits(t.follows, t.tell)
	return t
}

func (t *raftTransport) AppendEntries(
	id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse,
) error {
	if t.mute() {
		return errMute
	}
	beats := isHeartbeat(args)
	if !beats && !t.awaitAnswer(id, args.Term) {
		return errAway
	}
	round := t.rounds.Sent()
	err := t.afresh(id, func() error { return t.NetworkTransport.AppendEntries(id, target, args, resp) })
	err = t.checkAnswer(err, resp.Term)
	if err == nil {
		t.contacts.answered(string(id), resp.LastLog)
	}
	if err == nil && resp.Term == args.Term && t.rounds.Answered(string(id), args.Term, round) {
		t.acked()
	}
	if err == nil && resp.Success && !beats {
		t.commits.acknowledged(id, args)
	}
	if err != nil && !beats {
		t.contacts.failed(string(id))
	}
	return err
}

// tell sends a follower a commit index; one that does not hear it gets the next.
func (t *raftTransport) tell(id raft.ServerID, args *raft.AppendEntriesRequest) {
	_ = t.AppendEntries(id, raft.ServerAddress(id), args, &raft.AppendEntriesResponse{})
}

// isHeartbeat tells Raft's heartbeats, as a follower's Raft does.
func isHeartbeat(args *raft.AppendEntriesRequest) bool {
	return len(args.Entries) == 0 && args.PrevLogEntry == 0 && args.PrevLogTerm == 0 && args.LeaderCommitIndex == 0
}

// awaitAnswer holds back what is for a node that could not be sent it, until that
// one answers a heartbeat. Raft would try again by itself, but twice as late each
// time, up to ten seconds: a node that is back would lag for as long, and where
// the next one is restarted meanwhile, nothing could be written. It returns false
// where the node is not to be waited for any more.
func (t *raftTransport) awaitAnswer(id raft.ServerID, term uint64) bool {
	again := t.contacts.newest(string(id)).again
	if again == nil {
		return true
	}
	look := time.NewTicker(awayPause)
	defer look.Stop()
	for {
		select {
		case <-again:
			return true
		case <-t.ended:
			return false
		case <-look.C:
			if !t.follows(id, term) {
				return false
			}
		}
	}
}

// awayPause is how often it is looked whether a node that is away is still a
// member, and this one its leader.
const awayPause = 100 * time.Millisecond

// follows reports whether a node is a member of the cluster that this one leads.
func (t *raftTransport) follows(id raft.ServerID, term uint64) bool {
	r := t.raft.Load()
	return r != nil && r.State() == raft.Leader && r.CurrentTerm() == term &&
		slices.ContainsFunc(r.GetConfiguration().Configuration().Servers, func(s raft.Server) bool { return s.ID == id })
}

func (t *raftTransport) RequestVote(
	id raft.ServerID, target raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse,
) error {
	err := t.afresh(id, func() error { return t.NetworkTransport.RequestVote(id, target, args, resp) })
	return t.checkAnswer(err, resp.Term)
}

func (t *raftTransport) RequestPreVote(
	id raft.ServerID, target raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse,
) error {
	err := t.afresh(id, func() error { return t.NetworkTransport.RequestPreVote(id, target, args, resp) })
	return t.checkAnswer(err, resp.Term)
}

func (t *raftTransport) TimeoutNow(
	id raft.ServerID, target raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse,
) error {
	return t.afresh(id, func() error { return t.NetworkTransport.TimeoutNow(id, target, args, resp) })
}

// afresh repeats a call that failed at once. A pooled connection dies with the
// process that it led to and is found out only when it is used; an election, a
// hand-over or a new leader's first entry must not wait over that. All of these
// may be sent twice.
func (t *raftTransport) afresh(id raft.ServerID, call func() error) error {
	for left := maxPool; ; left-- {
		began := time.Now()
		err := t.intercept(string(id), call)
		if err == nil || left == 0 || time.Since(began) > failedAtOnce {
			return err
		}
	}
}

const (
	// maxPool is how many idle connections Raft keeps to each peer.
	maxPool      = 3
	failedAtOnce = 20 * time.Millisecond
)

func (t *raftTransport) InstallSnapshot(
	id raft.ServerID, target raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse,
	data io.Reader,
) error {
	if t.mute() {
		return errMute
	}
	if !t.awaitAnswer(id, args.Term) {
		return errAway
	}
	err := t.checkAnswer(t.NetworkTransport.InstallSnapshot(id, target, args, resp, data), resp.Term)
	if err != nil {
		t.contacts.failed(string(id))
	}
	return err
}
