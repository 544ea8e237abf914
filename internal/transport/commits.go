package transport

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// commits tells followers of a commit soon. Raft tells them with the next
// entries, or once its CommitTimeout is over; a watcher at a follower would wait
// for that.
//
// What it sends is what Raft could send: an AppendEntries without entries, whose
// previous entry is one that the follower has acknowledged in this term. It names
// no commit beyond that entry, and only one of an entry of the same term: that
// one is this leader's own, so all before it in its log is committed, and the
// follower has the same. See Ongaro's dissertation, sections 3.5 and 3.6.
type commits struct {
	member func(id raft.ServerID, term uint64) bool // of the cluster that this node leads in that term
	send   func(id raft.ServerID, args *raft.AppendEntriesRequest)
	wake   chan struct{} // holds a token when there may be something to tell

	// mu guards the rest.
	mu        sync.Mutex
	committed entryID
	followers map[raft.ServerID]*informed
}

// entryID names an entry of the log.
type entryID struct{ index, term uint64 }

// informed is what a follower has said that it has, and knows to be committed.
type informed struct {
	of        raft.AppendEntriesRequest // the head of what it answered, without entries
	last      entryID
	committed uint64
	telling   bool
}

func newCommits(
	member func(id raft.ServerID, term uint64) bool, send func(id raft.ServerID, args *raft.AppendEntriesRequest),
) *commits {
	return &commits{member: member, send: send, wake: make(chan struct{}, 1), followers: make(map[raft.ServerID]*informed)}
}

// commitPause is how long nothing more is committed before followers are told:
// until then Raft says it with the next entries.
const commitPause = 5 * time.Millisecond

// applied notes an entry that was committed.
func (c *commits) applied(e entryID) {
	c.mu.Lock()
	c.committed = e
	c.mu.Unlock()
	c.look()
}

// look lets run see whether there is something to tell.
func (c *commits) look() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// acknowledged notes that a follower took what it was sent. One that is slow may
// have what was committed long ago.
func (c *commits) acknowledged(id raft.ServerID, args *raft.AppendEntriesRequest) {
	last := entryID{args.PrevLogEntry, args.PrevLogTerm}
	if n := len(args.Entries); n > 0 {
		last = entryID{args.Entries[n-1].Index, args.Entries[n-1].Term}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.followers[id]
	if f == nil || f.of.Term < args.Term {
		f = &informed{}
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

// next returns the commit index that a follower may be told, if it is news.
func (c *commits) next(f *informed) (commit uint64, news bool) {
	commit = min(c.committed.index, f.last.index)
	return commit, f.of.Term == c.committed.term && f.committed < commit
}

// run tells whoever needs it until ctx ends. It does not wait for an answer: a
// call ends with its connection, which the transport closes.
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
			case <-c.wake: // the entry after it tells of the one before
				pause.Reset(commitPause)
			case <-pause.C:
				quiet = true
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		for id, args := range c.untold() {
			go func() {
				c.send(id, args)
				c.told(id, args.LeaderCommitIndex)
			}()
		}
	}
}

// untold returns what is to be sent to whom, and notes that it is being sent.
func (c *commits) untold() map[raft.ServerID]*raft.AppendEntriesRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	messages := make(map[raft.ServerID]*raft.AppendEntriesRequest)
	for id, f := range c.followers {
		commit, news := c.next(f)
		if !news || f.telling || !c.member(id, f.of.Term) {
			continue
		}
		f.telling = true
		args := f.of
		args.PrevLogEntry, args.PrevLogTerm, args.LeaderCommitIndex = f.last.index, f.last.term, commit
		messages[id] = &args
	}
	return messages
}

// told notes that a call has ended. Where the follower took it there may be more to
// tell by now; where not, the next commit is told.
func (c *commits) told(id raft.ServerID, commit uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.followers[id]
	f.telling = false
	if _, more := c.next(f); more && f.committed >= commit {
		c.look()
	}
}
