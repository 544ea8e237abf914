package lease

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// draw returns an edited lease with some holds and tickets, or a free one.
func draw(t *rapid.T, l *Lease, revision uint64) *Lease {
	l = l.Edit()
	l.Limit, l.Holds, l.Cooldowns, l.Queue = 3, nil, nil, nil
	for i := range rapid.IntRange(0, 3).Draw(t, "holds") {
		h := &Hold{Holder: "x", Session: fmt.Sprint("s", i), Token: revision + uint64(i), Slot: l.FreeSlot()}
		l.Holds = append(l.Holds, h)
		l.History.Transitions++
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "tickets") {
		l.Enqueue(l.Queue, &Ticket{ID: revision + uint64(i), Session: fmt.Sprint("w", i), Priority: rapid.IntRange(-1, 1).Draw(t, "priority")})
	}
	return l
}

func TestTableCountsWhatItStores(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := NewTable()
		for revision := range uint64(rapid.IntRange(1, 60).Draw(t, "changes")) {
			switch rapid.IntRange(0, 9).Draw(t, "change") {
			case 0:
				table.ForgetOldest()
			case 1:
				table.Seal(func(session string) string { return strings.Repeat("=", 1+len(session)%2) + session })
			default:
				name := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name")
				table.Put(draw(t, table.Get(name), 10*revision+1), 10*revision+9)
			}
			bytes, waiting, active := 0, 0, 0
			table.Scan(func(l *Lease) bool {
				bytes, waiting, active = bytes+l.Size(), waiting+len(l.Queue), active+1
				if _, twice := table.past.Get(Past{Name: l.Name}); twice || !l.Active() || !l.Sound(1<<50) {
					t.Fatalf("%s is active, free or inconsistent: %+v", l.Name, l)
				}
				return true
			})
			table.past.Scan(func(p Past) bool {
				bytes += p.Size()
				if _, ok := table.freed.Get(freedName{p.Freed, p.Name}); !ok {
					t.Fatalf("%s is not among the names by age", p.Name)
				}
				return true
			})
			if table.Bytes() != bytes || table.Waiting() != waiting || table.Len() != active || table.freed.Len() != table.past.Len() {
				t.Fatalf("%d bytes, %d tickets, %d leases, %d names by age; want %d, %d, %d, %d",
					table.Bytes(), table.Waiting(), table.Len(), table.freed.Len(), bytes, waiting, active, table.past.Len())
			}
		}
	})
}

func TestForgottenLeasesAreTheOldest(t *testing.T) {
	table := NewTable()
	for i, name := range []string{"b", "a", "c"} {
		l := table.Get(name).Edit()
		l.History.Transitions = 1
		table.Put(l, uint64(i+1))
	}
	for _, name := range []string{"b", "a", "c"} {
		if table.Get(name).History.Transitions != 1 || !table.ForgetOldest() || table.Get(name).History.Transitions != 0 {
			t.Errorf("%s is not the next that is forgotten", name)
		}
	}
	if table.ForgetOldest() || table.Bytes() != 0 {
		t.Errorf("an empty table has %d bytes", table.Bytes())
	}
}

func TestActiveLeasesDoNotChange(t *testing.T) {
	table := NewTable()
	put := func(name string, holds ...*Hold) {
		l := table.Get(name).Edit()
		l.Holds = holds
		table.Put(l, 9)
	}
	put("a", &Hold{Holder: "x", Token: 1})
	put("b", &Hold{Holder: "x", Token: 2})
	taken := table.Active()
	put("a")
	put("b", &Hold{Holder: "y", Token: 3})
	if page, _ := taken.Page(Selection{Holder: "x"}, "", 9); len(page) != 2 || taken.Len() != 2 {
		t.Errorf("%d of 2 leases are held by x", len(page))
	}
	if page, _ := table.Page(Selection{Holder: "y"}, "", 9); len(page) != 1 || table.Len() != 1 {
		t.Errorf("%d of 1 lease is held by y", len(page))
	}
}
