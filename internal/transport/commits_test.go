package transport

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

func appended(term, previous, previousTerm, commit uint64, entries ...entryID) *raft.AppendEntriesRequest {
	args := &raft.AppendEntriesRequest{
		Term: term, PrevLogEntry: previous, PrevLogTerm: previousTerm, LeaderCommitIndex: commit,
	}
	for _, e := range entries {
		args.Entries = append(args.Entries, &raft.Log{Index: e.index, Term: e.term})
	}
	return args
}

// A follower that was told wrong would apply what is not committed, for ever.
func TestAFollowerIsToldOnlyWhatItSurelyHas(t *testing.T) {
	const term = 7
	for what, c := range map[string]struct {
		committed entryID
		answered  []*raft.AppendEntriesRequest
		away      bool
		commit    uint64 // 0: nothing is told
		last      entryID
	}{
		"all that it acknowledged": {
			committed: entryID{12, term},
			answered:  []*raft.AppendEntriesRequest{appended(term, 10, 6, 9, entryID{11, term}, entryID{12, term})},
			commit:    12, last: entryID{12, term},
		},
		"nothing beyond what is committed": {
			committed: entryID{11, term},
			answered:  []*raft.AppendEntriesRequest{appended(term, 10, 6, 9, entryID{11, term}, entryID{12, term})},
			commit:    11, last: entryID{12, term},
		},
		"nothing beyond what it acknowledged": {
			committed: entryID{15, term},
			answered:  []*raft.AppendEntriesRequest{appended(term, 10, 6, 9, entryID{11, term})},
			commit:    11, last: entryID{11, term},
		},
		"nothing twice": {
			committed: entryID{11, term},
			answered:  []*raft.AppendEntriesRequest{appended(term, 10, 6, 9, entryID{11, term}), appended(term, 11, term, 11)},
		},
		"nothing older because an answer was late": {
			committed: entryID{12, term},
			answered: []*raft.AppendEntriesRequest{
				appended(term, 11, term, 9, entryID{12, term}), appended(term, 10, 6, 9, entryID{11, term}),
			},
			commit: 12, last: entryID{12, term},
		},
		"nothing by an entry of an earlier term, which another leader may replace": {
			committed: entryID{11, 6},
			answered:  []*raft.AppendEntriesRequest{appended(term, 10, 6, 9, entryID{11, 6})},
		},
		"nothing in a term of which it has acknowledged nothing": {
			committed: entryID{11, term},
			answered:  []*raft.AppendEntriesRequest{appended(6, 10, 6, 9, entryID{11, 6})},
		},
		"what it acknowledged in this term, though it had more in an earlier one": {
			committed: entryID{12, term},
			answered: []*raft.AppendEntriesRequest{
				appended(6, 10, 6, 9, entryID{11, 6}, entryID{12, 6}, entryID{13, 6}), appended(term, 10, 6, 9, entryID{11, term}),
			},
			commit: 11, last: entryID{11, term},
		},
		"nothing once it is no member": {
			committed: entryID{11, term}, away: true,
			answered: []*raft.AppendEntriesRequest{appended(term, 10, 6, 9, entryID{11, term})},
		},
	} {
		t.Run(what, func(t *testing.T) {
			commits := newCommits(func(raft.ServerID, uint64) bool { return !c.away }, nil)
			for _, args := range c.answered {
				commits.acknowledged("b", args)
			}
			commits.applied(c.committed)
			said, ok := commits.untold()["b"]
			if !ok {
				said = &raft.AppendEntriesRequest{}
			}
			if last := (entryID{said.PrevLogEntry, said.PrevLogTerm}); said.LeaderCommitIndex != c.commit || last != c.last {
				t.Errorf("it is told of %d after %v, not of %d after %v", said.LeaderCommitIndex, last, c.commit, c.last)
			}
			if len(commits.untold()) != 0 {
				t.Error("it is told again while it is being told")
			}
		})
	}
}

// telling returns commits with a follower that takes what it is told after a while,
// as the transport notes it.
func telling(t *testing.T, slow time.Duration) (c *commits, told *[]uint64) {
	told = new([]uint64)
	c = newCommits(func(raft.ServerID, uint64) bool { return true }, func(id raft.ServerID, args *raft.AppendEntriesRequest) {
		*told = append(*told, args.LeaderCommitIndex)
		time.Sleep(slow)
		c.acknowledged(id, args)
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return c, told
}

func TestASlowFollowerIsToldOnceItHasWhatWasCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, told := telling(t, 0)
		c.applied(entryID{11, 7})
		time.Sleep(time.Second)
		c.acknowledged("b", appended(7, 10, 6, 9, entryID{11, 7}))
		time.Sleep(time.Second)
		synctest.Wait()
		if !slices.Equal(*told, []uint64{11}) {
			t.Errorf("it was told of %v", *told)
		}
	})
}

func TestWhatIsCommittedWhileAFollowerIsBeingToldIsToldAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, told := telling(t, 30*time.Millisecond)
		c.acknowledged("b", appended(7, 10, 6, 9, entryID{11, 7}))
		c.applied(entryID{11, 7})
		time.Sleep(2 * commitPause)
		c.acknowledged("b", appended(7, 11, 7, 10, entryID{12, 7}))
		c.applied(entryID{12, 7})
		time.Sleep(time.Second)
		synctest.Wait()
		if !slices.Equal(*told, []uint64{11, 12}) {
			t.Errorf("it was told of %v", *told)
		}
	})
}

// A call that fails is not repeated for ever: the next commit is told.
func TestAFollowerThatDoesNotAnswerIsNotAskedAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := newCommits(func(raft.ServerID, uint64) bool { return true }, func(raft.ServerID, *raft.AppendEntriesRequest) { asked++ })
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = c.run(ctx) }()
		c.acknowledged("b", appended(7, 10, 6, 9, entryID{11, 7}, entryID{12, 7}))
		for _, index := range []uint64{11, 12} {
			c.applied(entryID{index, 7})
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if asked != 2 {
			t.Errorf("it was asked %d times about two commits", asked)
		}
	})
}

// Under load each entry tells of the one before it.
func TestUnderLoadNothingIsSentBesideTheEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, told := telling(t, 0)
		const last = 500
		for i := range uint64(last) {
			c.acknowledged("b", appended(7, i, 7, i, entryID{i + 1, 7}))
			c.applied(entryID{i + 1, 7})
			time.Sleep(commitPause / 2)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !slices.Equal(*told, []uint64{last}) {
			t.Errorf("beside %d entries it was told of %v", last, *told)
		}
	})
}
