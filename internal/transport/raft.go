package transport

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sync/errgroup"

	"github.com/lockd/lockd/internal/raftlog"
)

// byID lets Raft address a server by its ID.
type byID struct{}

func (byID) ServerAddr(id raft.ServerID) (raft.ServerAddress, error) {
	return raft.ServerAddress(id), nil
}

// Rounds counts the answers of followers; leader.Rounds is one.
type Rounds interface {
	Sent() uint64
	Answered(peer string, term, round uint64) bool
}

// RaftConfig are the settings of a Raft.
type RaftConfig struct {
	Stream    *Stream
	Rounds    Rounds
	Acked     func()      // called when an answer may confirm a round
	Stalled   func() bool // reports whether the disk hangs
	Heartbeat time.Duration
	Log       *slog.Logger
	// Intercept is called for each call to another node; nil: the call is made directly.
	Intercept func(to string, call func() error) error
}

// Raft is Raft's network transport with some things added: answers to
// AppendEntries are noted and counted into rounds, followers hear of a commit soon,
// a node that was away is sent entries as soon as it is back, and a leader whose
// disk hangs falls silent, since Raft's own heartbeats would keep it leading for ever.
type Raft struct {
	*raft.NetworkTransport
	rounds    Rounds
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

// NewRaft returns the transport of a Raft that does not run yet.
func NewRaft(c RaftConfig) *Raft {
	t := &Raft{
		NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			ServerAddressProvider: byID{},
			Logger:                raftlog.New(c.Log),
			Stream:                c.Stream,
			MaxPool:               maxPool,
			MaxRPCsInFlight:       1, // answers must pass AppendEntries below, and batches need no pipeline
			Timeout:               max(3*time.Second, 4*c.Heartbeat),
		}),
		rounds:    c.Rounds,
		acked:     c.Acked,
		contacts:  newContacts(),
		mute:      c.Stalled,
		intercept: c.Intercept,
		ended:     c.Stream.dialling.Done(),
		believed:  make(chan raft.RPC),
	}
	if t.intercept == nil {
		t.intercept = func(_ string, call func() error) error { return call() }
	}
	t.commits = newCommits(t.follows, t.tell)
	return t
}

// Started states that a Raft uses this transport.
func (t *Raft) Started(r *raft.Raft) { t.raft.Store(r) }

// Run passes requests to Raft and sends commits to followers, until ctx ends.
func (t *Raft) Run(ctx context.Context) error {
	jobs, ctx := errgroup.WithContext(ctx)
	jobs.Go(func() error { return t.believe(ctx) })
	jobs.Go(func() error { return t.commits.run(ctx) })
	return jobs.Wait()
}

// Applied states that an entry of this leader's term is committed and applied.
func (t *Raft) Applied(index, term uint64) { t.commits.applied(entryID{index, term}) }

// Acknowledged returns the index up to which a node has acknowledged the log in a term,
// or 0.
func (t *Raft) Acknowledged(id string, term uint64) uint64 {
	return t.commits.acknowledgedBy(raft.ServerID(id), term)
}

// LastAnswer returns when a node last answered AppendEntries, and the last index of its
// log then. The time is zero if it never did.
func (t *Raft) LastAnswer(id string) (at time.Time, lastLog uint64) {
	c := t.contacts.newest(id)
	return c.at, c.last
}

// AppendEntries sends entries or a heartbeat, and records the answer.
func (t *Raft) AppendEntries(
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
func (t *Raft) tell(id raft.ServerID, args *raft.AppendEntriesRequest) {
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
func (t *Raft) awaitAnswer(id raft.ServerID, term uint64) bool {
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
func (t *Raft) follows(id raft.ServerID, term uint64) bool {
	r := t.raft.Load()
	return r != nil && r.State() == raft.Leader && r.CurrentTerm() == term &&
		slices.ContainsFunc(r.GetConfiguration().Configuration().Servers, func(s raft.Server) bool { return s.ID == id })
}

// RequestVote asks a node for its vote.
func (t *Raft) RequestVote(
	id raft.ServerID, target raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse,
) error {
	err := t.afresh(id, func() error { return t.NetworkTransport.RequestVote(id, target, args, resp) })
	return t.checkAnswer(err, resp.Term)
}

// RequestPreVote asks a node whether it would vote.
func (t *Raft) RequestPreVote(
	id raft.ServerID, target raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse,
) error {
	err := t.afresh(id, func() error { return t.NetworkTransport.RequestPreVote(id, target, args, resp) })
	return t.checkAnswer(err, resp.Term)
}

// TimeoutNow makes a node start an election now.
func (t *Raft) TimeoutNow(
	id raft.ServerID, target raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse,
) error {
	return t.afresh(id, func() error { return t.NetworkTransport.TimeoutNow(id, target, args, resp) })
}

// afresh repeats a call that failed at once. A pooled connection dies with the
// process that it led to and is found out only when it is used; an election, a
// hand-over or a new leader's first entry must not wait over that. All of these
// may be sent twice.
func (t *Raft) afresh(id raft.ServerID, call func() error) error {
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

// InstallSnapshot sends a snapshot.
func (t *Raft) InstallSnapshot(
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
