package cluster

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
)

func TestARoundIsConfirmedOnlyByWhatWasSentAfterItBegan(t *testing.T) {
	voters := []string{"a", "b", "c"}
	r := newRounds()
	old := r.sent() // a heartbeat leaves
	round := r.begin()
	r.answered("b", 7, old)
	r.answered("c", 7, old)
	if ok, _ := r.confirmed(7, round, voters, "a"); ok {
		t.Fatal("answers to what was sent before the round confirmed it")
	}
	_, moved := r.confirmed(7, round, voters, "a")
	r.answered("b", 7, r.sent())
	select {
	case <-moved:
	default:
		t.Error("an answer woke nobody")
	}
	if ok, _ := r.confirmed(7, round, voters, "a"); !ok {
		t.Error("a majority of three, self among it, did not confirm")
	}
}

func TestARoundCountsVotersOfItsOwnTerm(t *testing.T) {
	for name, c := range map[string]struct {
		voters []string
		acks   map[string]uint64 // peer to term
		want   bool
	}{
		"alone":                      {[]string{"a"}, nil, true},
		"self is no voter":           {[]string{"b"}, nil, false},
		"of two, one":                {[]string{"a", "b"}, nil, false},
		"of two, both":               {[]string{"a", "b"}, map[string]uint64{"b": 7}, true},
		"another term":               {[]string{"a", "b", "c"}, map[string]uint64{"b": 6}, false},
		"a non-voter":                {[]string{"a", "b", "c"}, map[string]uint64{"x": 7, "y": 7}, false},
		"of five, three":             {[]string{"a", "b", "c", "d", "e"}, map[string]uint64{"b": 7, "c": 7}, true},
		"of five, two":               {[]string{"a", "b", "c", "d", "e"}, map[string]uint64{"b": 7}, false},
		"self removed, the rest not": {[]string{"b", "c", "d"}, map[string]uint64{"b": 7}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRounds()
			round := r.begin()
			for peer, term := range c.acks {
				r.answered(peer, term, r.sent())
			}
			if ok, _ := r.confirmed(7, round, c.voters, "a"); ok != c.want {
				t.Errorf("confirmed: %v", ok)
			}
		})
	}
}

func TestAnOlderAnswerNeverReplacesANewerOne(t *testing.T) {
	r := newRounds()
	first := r.begin()
	second := r.begin()
	r.answered("b", 7, second)
	r.answered("b", 7, first)
	r.answered("b", 6, second+9)
	if ok, _ := r.confirmed(7, second, []string{"a", "b"}, "a"); !ok {
		t.Error("an older answer took a newer one's place")
	}
}

func TestAPromiseNeverOutlastsWhatItCountsFrom(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		arrival, from     time.Duration
		ttl               fsm.Millis
		waited, expiresIn fsm.Millis
	}{
		"at once":                   {0, 0, 15_000, 0, 14_985},
		"packed after a wait":       {0, 2500 * ms, 15_000, 2_500, 14_985},
		"rounded down":              {0, 2999*ms + 999*time.Microsecond, 15_000, 2_999, 14_985},
		"a small ttl":               {0, 0, 1_000, 0, 999},
		"not a multiple":            {0, 0, 1_001, 0, 999},
		"granted before it arrived": {4000 * ms, 1000 * ms, 15_000, 0, 11_985},
		"long over":                 {60_000 * ms, 0, 15_000, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			waited, expiresIn := promise(c.arrival, c.from, c.ttl)
			if waited != c.waited || expiresIn != c.expiresIn {
				t.Errorf("waited %d, expires in %d", waited, expiresIn)
			}
			end := c.arrival + time.Duration(waited+expiresIn)*ms
			if limit := c.from + time.Duration(c.ttl)*ms; end > limit && expiresIn > 0 {
				t.Errorf("it ends at %v, after %v", end, limit)
			}
		})
	}
}

func TestTheClustersClockGoesOnFromTheLastStamp(t *testing.T) {
	c := clock{stamp: 5_000, at: 10 * time.Second}
	if got := c.cluster(10*time.Second + 1500*time.Millisecond); got != 6_500 {
		t.Errorf("cluster time %d", got)
	}
	if got := c.local(6_500); got != 11_500*time.Millisecond {
		t.Errorf("local time %v", got)
	}
	// A stamp is rounded down, so its local time is never after the moment itself.
	now := 10*time.Second + 1_234_567*time.Microsecond
	if c.local(c.cluster(now)) > now {
		t.Error("a stamp lies ahead of the moment that it was taken at")
	}
}

func TestOnlyWhatRaftRefusesBeforeAppendingIsNotApplied(t *testing.T) {
	for err, want := range map[error]error{
		raft.ErrNotLeader:                    fsm.ErrNoLeader,
		raft.ErrEnqueueTimeout:               fsm.ErrNoLeader,
		raft.ErrLeadershipTransferInProgress: fsm.ErrNoLeader,
		raft.ErrLeadershipLost:               fsm.ErrUnknown,
		raft.ErrRaftShutdown:                 fsm.ErrUnknown,
		raft.ErrAbortedByRestore:             fsm.ErrUnknown,
		errors.New("disk"):                   fsm.ErrUnknown,
	} {
		if got := outcome(fmt.Errorf("wrapped: %w", err)); !errors.Is(got, want) {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}

func TestWaits(t *testing.T) {
	newWait := func(name, session string, n uint64, end time.Duration) *wait {
		return &wait{key: waitKey{name, session}, attach: fsm.Attach{N: n}, end: end}
	}
	grant := func(name, session string, n uint64) fsm.Grant {
		return fsm.Grant{Name: name, Hold: &fsm.Hold{Session: session, Attach: fsm.Attach{N: n}}}
	}
	t.Run("the newest of a session wins", func(t *testing.T) {
		w := newWaits()
		older, newer := newWait("l", "s", 1, 10), newWait("l", "s", 2, 20)
		if w.add(older) != nil || w.add(newer) != older {
			t.Fatal("the older one was not superseded")
		}
		if w.remove(older) {
			t.Error("the older one was still there")
		}
		if w.granted(grant("l", "s", 1)) != nil {
			t.Error("a grant of the older attempt found the newer one")
		}
		if w.granted(grant("l", "s", 2)) != newer || w.granted(grant("l", "s", 2)) != nil {
			t.Error("a grant is answered once, to the newer one")
		}
	})
	t.Run("what is due is answered by its Park or a grant, once", func(t *testing.T) {
		w := newWaits()
		a, b, c := newWait("l", "a", 1, 30), newWait("l", "b", 2, 10), newWait("l", "c", 3, 20)
		for _, x := range []*wait{a, b, c} {
			w.add(x)
		}
		due, next, ok := w.due(20)
		if len(due) != 2 || due[0] != b || due[1] != c || !ok || next != 30 {
			t.Fatalf("due: %v, next %v %v", due, next, ok)
		}
		if again, _, _ := w.due(20); len(again) != 0 {
			t.Error("what is due is due once")
		}
		if w.granted(grant("l", "b", 2)) != b || w.remove(b) {
			t.Error("a grant between due and Park answers")
		}
		if !w.remove(c) || w.remove(c) {
			t.Error("a Park answers once")
		}
	})
	t.Run("a clean-up ends only its own attempt", func(t *testing.T) {
		w := newWaits()
		a := newWait("l", "a", 5, 10)
		w.add(a)
		if w.left(&fsm.Leave{Name: "l", Session: "a", Attach: fsm.Attach{N: 4}}) != nil {
			t.Error("an older attempt's clean-up ended a newer wait")
		}
		if w.left(&fsm.Leave{Name: "l", Session: "a", Attach: fsm.Attach{N: 5}}) != a {
			t.Error("the clean-up did not end its wait")
		}
	})
	t.Run("drain empties it", func(t *testing.T) {
		w := newWaits()
		w.add(newWait("l", "a", 1, 10))
		if len(w.drain()) != 1 || len(w.drain()) != 0 {
			t.Error("drain")
		}
	})
}

func TestPackerBoundsWhatWaitsAndIsEmptiedWithItsTerm(t *testing.T) {
	p := newPacker(&term{})
	var refused, ended int
	respond := func(_ fsm.Result, _ timing, err error) {
		switch {
		case errors.Is(err, fsm.ErrOverloaded):
			refused++
		case errors.Is(err, fsm.ErrNoLeader):
			ended++
		}
	}
	for range maxQueued + 10 {
		p.propose(false, proposal{command: acquire("x", first), respond: respond})
	}
	if refused != 10 {
		t.Errorf("%d were refused, want 10", refused)
	}
	p.propose(true, proposal{command: &fsm.Park{Name: "x", Session: first}, respond: respond})
	if refused != 10 {
		t.Error("the leader's own was refused for want of room")
	}
	batch := p.take()
	if len(batch) > fsm.MaxEntryCommands || len(batch) == 0 {
		t.Errorf("an entry of %d commands", len(batch))
	}
	if _, own := batch[0].command.(*fsm.Park); !own {
		t.Error("the leader's own does not come first")
	}
	size := 0
	for _, b := range batch {
		size += len(b.encoded)
	}
	if size > maxPackedBytes {
		t.Errorf("an entry of %d bytes", size)
	}
	p.close()
	if want := maxQueued + 1 - len(batch); ended != want {
		t.Errorf("%d were told that the term is over, want %d", ended, want)
	}
	p.propose(false, proposal{command: acquire("x", first), respond: respond})
	if want := maxQueued + 2 - len(batch); ended != want {
		t.Error("a closed packer took another one")
	}
}

// What several names cost counts by the names.
func TestPackerWeighsWhatACommandChanges(t *testing.T) {
	p := newPacker(&term{})
	all := &fsm.AcquireAll{Names: make([]string, fsm.MaxNames), Holder: "x", Session: first, TTL: 1_000}
	for range fsm.MaxEntryCommands {
		p.propose(false, proposal{command: all, respond: func(fsm.Result, timing, error) {}})
	}
	if n := len(p.take()); n != fsm.MaxEntryCommands/fsm.MaxNames {
		t.Errorf("an entry of %d commands for %d names each", n, fsm.MaxNames)
	}
}
