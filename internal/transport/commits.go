package transport

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// commits sends the commit index to followers soon after a commit. Raft sends it with the
// next entries or after its CommitTimeout, and a watcher at a follower would wait for
// that.
//
// It sends what Raft could send: an AppendEntries without entries, whose previous entry
// the follower has acknowledged in this term. The commit index is not above that entry,
// and its entry is of the same term: this leader wrote it, so all entries before it in
// the log are committed, and the follower has the same ones. See Ongaro's dissertation, sections 3.5 and 3.6.
type commits struct {
	member func(id raft.ServerID, term uint64) bool // of the cluster that this node leads in that term
	send   func(id raft.ServerID, args *raft.AppendEntriesRequest)
	wake   chan struct{} // holds a token when there may be something to send

	// mu guards the rest.
	mu        sync.Mutex
	committed entryID
	followers map[raft.ServerID]*follower
}

// entryID names an entry of the log.
type entryID struct{ index, term uint64 }

// follower is what a follower has acknowledged, and the commit index that it has received.
type follower struct {
	of        raft.AppendEntriesRequest // the newest request that it acknowledged, without entries
	last      entryID
	committed uint64
	sending   bool
}

func newCommits(
	member func(id raft.ServerID, term uint64) bool, send func(id raft.ServerID, args *raft.AppendEntriesRequest),
) *commits {
	return &commits{member: member, send: send, wake: make(chan struct{}, 1), followers: make(map[raft.ServerID]*follower)}
}

// commitPause is how long no entry must be committed before followers get the commit
// index. Under load Raft sends it with the next entries.
const commitPause = 5 * time.Millisecond

// applied records a committed entry.
func (c *commits) applied(e entryID) {
	c.mu.Lock()
	c.committed = e
	c.mu.Unlock()
	c.look()
}

// look makes run check whether there is something to send.
func (c *commits) look() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// acknowledged records that a follower has acknowledged a request. The entries of a slow
// follower may have been committed long before.
func (c *commits) acknowledged(id raft.ServerID, args *raft.AppendEntriesRequest) {
	last := entryID{args.PrevLogEntry, args.PrevLogTerm}
	if n := len(args.Entries); n > 0 {
		last = entryID{args.Entries[n-1].Index, args.Entries[n-1].Term}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.followers[id]
	if f == nil || f.of.Term < args.Term {
		f = &follower{}
		c.followers[id] = f
	}
	if f.of.Term > args.Term {
		return
	}
	f.committed = max(f.committed, min(args.LeaderCommitIndex, last.index))
	if last.index >= f.last.index { // else an answer was late
		f.of, f.last = *args, last
		f.of.Entries = nil
	}
	if _, more := c.next(f); more {
		c.look()
	}
}

// acknowledgedBy returns the index up to which a node has acknowledged the log in a
// term, or 0.
func (c *commits) acknowledgedBy(id raft.ServerID, term uint64) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.followers[id]; f != nil && f.of.Term == term {
		return f.last.index
	}
	return 0
}

// next returns the commit index for a follower, and whether it is a new one.
func (c *commits) next(f *follower) (commit uint64, news bool) {
	commit = min(c.committed.index, f.last.index)
	return commit, f.of.Term == c.committed.term && f.committed < commit
}

// run sends commit indexes until ctx ends. It does not wait for answers: a call ends with
// its connection, which the transport closes.
func (c *commits) run(ctx context.Context) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-c.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
		pause.Reset(commitPause)
		for quiet := false; !quiet; {
			select {
			case <-c.wake: // the next entry carries the commit index
				pause.Reset(commitPause)
			case <-pause.C:
				quiet = true
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		for id, args := range c.pending() {
			go func() {
				c.send(id, args)
				c.sent(id, args.LeaderCommitIndex)
			}()
		}
	}
}

// pending returns the requests to send, by follower, and marks them as being sent.
func (c *commits) pending() map[raft.ServerID]*raft.AppendEntriesRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	messages := make(map[raft.ServerID]*raft.AppendEntriesRequest)
	for id, f := range c.followers {
		commit, news := c.next(f)
		if !news || f.sending || !c.member(id, f.of.Term) {
			continue
		}
		f.sending = true
		args := f.of
		args.PrevLogEntry, args.PrevLogTerm, args.LeaderCommitIndex = f.last.index, f.last.term, commit
		messages[id] = &args
	}
	return messages
}

// sent records that a call has ended. If the follower acknowledged it, there may be a newer
// commit index to send. Otherwise the follower gets the next one.
func (c *commits) sent(id raft.ServerID, commit uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.followers[id]
	f.sending = false
	if _, more := c.next(f); more && f.committed >= commit {
		c.look()
	}
}
