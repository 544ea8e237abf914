package leader

import (
	"fmt"
	"slices"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

func acquireBy(session string) *fsm.Acquire { return &fsm.Acquire{Name: "l", Session: session} }

// addTo adds a command with a size and a number.
func addTo(l *lanes, c fsm.Command, size, number int) bool {
	return l.add(proposal{command: c, encoded: make([]byte, size), version: uint64(number)})
}

// taken returns the numbers of the commands of the next entry.
func taken(l *lanes) (numbers []int) {
	for _, p := range l.take() {
		numbers = append(numbers, int(p.version))
	}
	return numbers
}

// lanesWith returns lanes with commands, each with its index as the number.
func lanesWith(t *testing.T, commands ...fsm.Command) *lanes {
	t.Helper()
	l := newLanes()
	for i, c := range commands {
		if !addTo(l, c, 10, i) {
			t.Fatalf("%T was refused", c)
		}
	}
	return l
}

func TestRenewalsArePackedBeforeAcquires(t *testing.T) {
	l := lanesWith(t, acquireBy("a"), &fsm.AcquireAll{Session: "b"}, &fsm.Release{Session: "c"}, &fsm.Stamp{},
		&fsm.Renew{Session: "d"}, &fsm.EndWait{Session: "e"}, &fsm.RenewSession{Session: "f"}, &fsm.Expire{})
	if got, want := taken(l), []int{5, 7, 4, 6, 2, 3, 0, 1}; !slices.Equal(got, want) {
		t.Errorf("packed in the order %v, want %v", got, want)
	}
	if l.waiting() != 0 {
		t.Errorf("%d still wait", l.waiting())
	}
}

func TestNoCommandOvertakesAnAcquireOfItsSession(t *testing.T) {
	l := lanesWith(t, acquireBy("a"), &fsm.Release{Session: "a"}, &fsm.CancelAcquire{Session: "a"}, &fsm.Renew{Session: "a"}, &fsm.Renew{Session: "b"})
	if got, want := taken(l), []int{4, 0, 1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("packed in the order %v, want %v", got, want)
	}
	for i, c := range []fsm.Command{acquireBy("c"), &fsm.Release{Session: "a"}} {
		addTo(l, c, 10, i)
	}
	if got := taken(l); !slices.Equal(got, []int{1, 0}) {
		t.Errorf("the session's acquire is packed, and its release still goes behind: %v", got)
	}
}

func TestEachLaneHasItsOwnBound(t *testing.T) {
	l := newLanes()
	for i := range maxAcquires {
		if !addTo(l, acquireBy(fmt.Sprint(i)), 10, i) {
			t.Fatalf("acquire %d was refused", i)
		}
	}
	if addTo(l, acquireBy("one more"), 10, 0) {
		t.Error("there is no bound")
	}
	for _, c := range []fsm.Command{&fsm.Renew{Session: "r"}, &fsm.Release{Session: "0"}, &fsm.Expire{}, &fsm.Stamp{}} {
		if !addTo(l, c, 10, 0) {
			t.Errorf("the acquires caused a %T to be refused", c)
		}
	}
	if got := len(l.take()); got != fsm.MaxEntryCommands {
		t.Errorf("an entry of %d commands", got)
	}
	if !addTo(l, acquireBy("again"), 10, 0) {
		t.Error("there is room, and an acquire was refused")
	}
	if addTo(l, &fsm.Release{}, maxWaitingBytes, 0) || !addTo(l, &fsm.Expire{}, maxWaitingBytes, 0) {
		t.Error("bytes are bounded for all but the leader's own")
	}
}

func TestNoLaneStarves(t *testing.T) {
	l := newLanes()
	for range 4 * fsm.MaxEntryCommands {
		addTo(l, &fsm.Renew{}, 10, 1)
	}
	addTo(l, &fsm.Release{}, 10, 2)
	addTo(l, acquireBy("a"), 10, 3)
	if batch := taken(l); !slices.Contains(batch, 2) || !slices.Contains(batch, 3) {
		t.Error("renewals alone fill an entry while others wait")
	}
}

// If a hundred thousand leases end at once, ends alone would fill every entry.
func TestALaterLaneGetsAnEighthOfAnEntry(t *testing.T) {
	const eighth = fsm.MaxEntryCommands / 8
	l := newLanes()
	for range 2 * fsm.MaxEntryCommands {
		addTo(l, &fsm.Expire{}, 10, 1)
		addTo(l, &fsm.Release{}, 10, 2)
	}
	addTo(l, &fsm.AcquireAll{Names: make([]string, fsm.MaxNames)}, 10, 3)
	packed := make(map[int]int)
	for _, what := range taken(l) {
		packed[what]++
	}
	if packed[2] != eighth || packed[3] != 1 || packed[1] != fsm.MaxEntryCommands-eighth-fsm.MaxNames {
		t.Errorf("packed are %v", packed)
	}
}

func TestAnEntryIsBounded(t *testing.T) {
	l := newLanes()
	for i := range 4 {
		addTo(l, &fsm.Renew{}, maxPackedBytes/2-1, i)
	}
	if got := len(l.take()); got != 2 {
		t.Errorf("an entry of %d commands, half an entry's bytes each", got)
	}
	l = newLanes()
	addTo(l, &fsm.Renew{}, 2*maxPackedBytes, 0)
	if len(l.take()) != 1 {
		t.Error("one that is too long for an entry with others has one to itself")
	}
	all := &fsm.AcquireAll{Names: make([]string, fsm.MaxNames)}
	for i := range fsm.MaxEntryCommands {
		addTo(l, all, 10, i)
	}
	if n := len(l.take()); n != fsm.MaxEntryCommands/fsm.MaxNames {
		t.Errorf("an entry of %d commands for %d names each", n, fsm.MaxNames)
	}
	if left := len(l.drain()); left != fsm.MaxEntryCommands-fsm.MaxEntryCommands/fsm.MaxNames || l.waiting() != 0 || l.bytes != 0 || len(l.acquiring) != 0 {
		t.Errorf("drained %d; %d bytes and %d sessions are left", left, l.bytes, len(l.acquiring))
	}
}
