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

// Raft is Raft's network transport with additions. It records the answers to AppendEntries
// and counts them into rounds, sends the commit index to followers soon after a commit, and
// sends entries to a node as soon as it answers again. While the disk of a leader hangs it
// sends nothing: otherwise Raft's heartbeats would keep the node leader.
type Raft struct {
	*raft.NetworkTransport
	rounds    Rounds
	acked     func() // an answer may confirm a round
	contacts  *contacts
	commits   *commits
	stalled   func() bool // the disk hangs
	intercept func(to string, call func() error) error
	raft      atomic.Pointer[raft.Raft] // nil before it runs
	ended     <-chan struct{}           // closed when the node ends
	believed  chan raft.RPC             // requests whose term can be one
}

var (
	errStalled = errors.New("disk stalled: this node has stopped acting as leader")
	errAway    = errors.New("the node does not answer and is no longer a follower")
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
		stalled:   c.Stalled,
		intercept: c.Intercept,
		ended:     c.Stream.dialling.Done(),
		believed:  make(chan raft.RPC),
	}
	if t.intercept == nil {
		t.intercept = func(_ string, call func() error) error { return call() }
	}
	t.commits = newCommits(t.follows, t.sendCommit)
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

// ElectAlone starts an election now, instead of after a heartbeat timeout, if this node is a
// follower and the only member: no other node could send it a heartbeat. Run must be running.
func (t *Raft) ElectAlone(ctx context.Context, self string) error {
	r := t.raft.Load()
	members := r.GetConfiguration().Configuration().Servers
	if r.State() != raft.Follower || len(members) != 1 || members[0].Suffrage != raft.Voter || string(members[0].ID) != self {
		return nil
	}
	answer := make(chan raft.RPCResponse, 1)
	request := raft.RPC{
		Command:  &raft.TimeoutNowRequest{RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax}},
		RespChan: answer,
	}
	select {
	case t.believed <- request:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case a := <-answer:
		return a.Error
	case <-ctx.Done():
		return ctx.Err()
	}
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
	if t.stalled() {
		return errStalled
	}
	beats := isHeartbeat(args)
	if !beats && !t.awaitAnswer(id, args.Term) {
		return errAway
	}
	round := t.rounds.Sent()
	err := t.retry(id, func() error { return t.NetworkTransport.AppendEntries(id, target, args, resp) })
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

// sendCommit sends a commit index to a follower. It ignores an error: the follower gets the
// next one.
func (t *Raft) sendCommit(id raft.ServerID, args *raft.AppendEntriesRequest) {
	_ = t.AppendEntries(id, raft.ServerAddress(id), args, &raft.AppendEntriesResponse{})
}

// isHeartbeat reports whether a request is a heartbeat, as a follower's Raft does.
func isHeartbeat(args *raft.AppendEntriesRequest) bool {
	return len(args.Entries) == 0 && args.PrevLogEntry == 0 && args.PrevLogTerm == 0 && args.LeaderCommitIndex == 0
}

// awaitAnswer delays entries for a node after a failure, until the node answers a heartbeat.
// Raft itself retries with a backoff of up to ten seconds. A node that was restarted would
// lag for as long, and if another node were restarted meanwhile, nothing could be written.
// It returns false if this node no longer leads that one.
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

// awayPause is how often awaitAnswer checks whether this node still leads the other.
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
	err := t.retry(id, func() error { return t.NetworkTransport.RequestVote(id, target, args, resp) })
	return t.checkAnswer(err, resp.Term)
}

// RequestPreVote asks a node whether it would vote.
func (t *Raft) RequestPreVote(
	id raft.ServerID, target raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse,
) error {
	err := t.retry(id, func() error { return t.NetworkTransport.RequestPreVote(id, target, args, resp) })
	return t.checkAnswer(err, resp.Term)
}

// TimeoutNow makes a node start an election now.
func (t *Raft) TimeoutNow(
	id raft.ServerID, target raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse,
) error {
	return t.retry(id, func() error { return t.NetworkTransport.TimeoutNow(id, target, args, resp) })
}

// retry repeats a call that failed at once. A pooled connection may have broken with the
// other process, which shows only when it is used, and an election, a transfer of leadership
// or the first entry of a new leader must not wait for that. All of these requests are
// idempotent.
func (t *Raft) retry(id raft.ServerID, call func() error) error {
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
	if t.stalled() {
		return errStalled
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
