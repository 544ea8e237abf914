package leader

import (
	"fmt"
	"slices"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

func acquireBy(session string) *fsm.Acquire { return &fsm.Acquire{Name: "l", Session: session} }

// lanesWith returns lanes in which commands wait, each under its number.
func lanesWith(t *testing.T, commands ...fsm.Command) *Lanes[int] {
	t.Helper()
	l := NewLanes[int]()
	for i, c := range commands {
		if !l.Add(c, 10, i) {
			t.Fatalf("%T was refused", c)
		}
	}
	return l
}

func TestWhatKeepsAHoldIsPackedBeforeWhatAsksForOne(t *testing.T) {
	l := lanesWith(t, acquireBy("a"), &fsm.AcquireAll{Session: "b"}, &fsm.Release{Session: "c"}, &fsm.Stamp{},
		&fsm.Renew{Session: "d"}, &fsm.Park{Session: "e"}, &fsm.RenewSession{Session: "f"}, &fsm.Expire{})
	if got, want := l.Take(), []int{5, 7, 4, 6, 2, 3, 0, 1}; !slices.Equal(got, want) {
		t.Errorf("packed in the order %v, want %v", got, want)
	}
	if l.Waiting() != 0 {
		t.Errorf("%d still wait", l.Waiting())
	}
}

func TestNoCommandOvertakesAnAcquireOfItsSession(t *testing.T) {
	l := lanesWith(t, acquireBy("a"), &fsm.Release{Session: "a"}, &fsm.Leave{Session: "a"}, &fsm.Renew{Session: "a"}, &fsm.Renew{Session: "b"})
	if got, want := l.Take(), []int{4, 0, 1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("packed in the order %v, want %v", got, want)
	}
	for i, c := range []fsm.Command{acquireBy("c"), &fsm.Release{Session: "a"}} {
		l.Add(c, 10, i)
	}
	if got := l.Take(); !slices.Equal(got, []int{1, 0}) {
		t.Errorf("the session's acquire is packed, and its release still goes behind: %v", got)
	}
}

func TestEachLaneHasItsOwnBound(t *testing.T) {
	l := NewLanes[int]()
	for i := range MaxAcquires {
		if !l.Add(acquireBy(fmt.Sprint(i)), 10, i) {
			t.Fatalf("acquire %d was refused", i)
		}
	}
	if l.Add(acquireBy("one more"), 10, 0) {
		t.Error("there is no bound")
	}
	for _, c := range []fsm.Command{&fsm.Renew{Session: "r"}, &fsm.Release{Session: "0"}, &fsm.Expire{}, &fsm.Stamp{}} {
		if !l.Add(c, 10, 0) {
			t.Errorf("acquires kept out a %T", c)
		}
	}
	if got := len(l.Take()); got != fsm.MaxEntryCommands {
		t.Errorf("an entry of %d commands", got)
	}
	if !l.Add(acquireBy("again"), 10, 0) {
		t.Error("there is room, and an acquire was refused")
	}
	if l.Add(&fsm.Release{}, maxWaitingBytes, 0) || !l.Add(&fsm.Expire{}, maxWaitingBytes, 0) {
		t.Error("bytes are bounded for all but the leader's own")
	}
}

func TestNoLaneStandsStill(t *testing.T) {
	l := NewLanes[int]()
	for range 4 * fsm.MaxEntryCommands {
		l.Add(&fsm.Renew{}, 10, 1)
	}
	l.Add(&fsm.Release{}, 10, 2)
	l.Add(acquireBy("a"), 10, 3)
	if batch := l.Take(); !slices.Contains(batch, 2) || !slices.Contains(batch, 3) {
		t.Error("renewals alone fill an entry while others wait")
	}
}

// Where a hundred thousand leases end at once, ends alone would fill every entry.
func TestALowerLaneIsOwedAnEighthOfAnEntry(t *testing.T) {
	const eighth = fsm.MaxEntryCommands / 8
	l := NewLanes[string]()
	for range 2 * fsm.MaxEntryCommands {
		l.Add(&fsm.Expire{}, 10, "end")
		l.Add(&fsm.Release{}, 10, "release")
	}
	l.Add(&fsm.AcquireAll{Names: make([]string, fsm.MaxNames)}, 10, "several")
	packed := make(map[string]int)
	for _, what := range l.Take() {
		packed[what]++
	}
	if packed["release"] != eighth || packed["several"] != 1 || packed["end"] != fsm.MaxEntryCommands-eighth-fsm.MaxNames {
		t.Errorf("packed are %v", packed)
	}
}

func TestAnEntryIsBounded(t *testing.T) {
	l := NewLanes[int]()
	for i := range 4 {
		l.Add(&fsm.Renew{}, maxPackedBytes/2-1, i)
	}
	if got := len(l.Take()); got != 2 {
		t.Errorf("an entry of %d commands, half an entry's bytes each", got)
	}
	l = NewLanes[int]()
	l.Add(&fsm.Renew{}, 2*maxPackedBytes, 0)
	if len(l.Take()) != 1 {
		t.Error("one that is too long for an entry with others has one to itself")
	}
	all := &fsm.AcquireAll{Names: make([]string, fsm.MaxNames)}
	for i := range fsm.MaxEntryCommands {
		l.Add(all, 10, i)
	}
	if n := len(l.Take()); n != fsm.MaxEntryCommands/fsm.MaxNames {
		t.Errorf("an entry of %d commands for %d names each", n, fsm.MaxNames)
	}
	if left := len(l.Drain()); left != fsm.MaxEntryCommands-fsm.MaxEntryCommands/fsm.MaxNames || l.Waiting() != 0 || l.bytes != 0 || len(l.asking) != 0 {
		t.Errorf("drained %d; %d bytes and %d sessions are left", left, l.bytes, len(l.asking))
	}
}
