package fsm

import (
	"fmt"
	"strings"
	"testing"
)

// The events are kept in chunks: see lease.Events.
const (
	chunkEvents = 1_024
	chunkBytes  = 1 << 20
)

// churn acquires and releases one lease in each round: two events.
func churn(m *Machine, rounds int, meta string) {
	for i := range rounds {
		m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Stamp: Millis(i), Commands: []Command{
			&Acquire{Name: "a", Session: "s", Holder: "x", TTL: 1_000, Limit: 1, Meta: meta},
			&Release{Name: "a", Session: "s"},
		}})
	}
}

// wantHistory checks that the history has no gap.
func wantHistory(t *testing.T, m *Machine) (count, size int) {
	t.Helper()
	events, dropped := m.History()
	last := dropped
	for _, e := range events {
		if e.Revision != last+1 {
			t.Fatalf("event %d follows %d", e.Revision, last)
		}
		last = e.Revision
		size += e.Size()
	}
	if last != m.Revision() {
		t.Fatalf("the newest event is %d, and the revision %d", last, m.Revision())
	}
	return len(events), size
}

func TestHistoryIsBoundedByCount(t *testing.T) {
	m := New()
	churn(m, MaxHistoryEvents, "")
	count, _ := wantHistory(t, m)
	if count > MaxHistoryEvents || count < MaxHistoryEvents-chunkEvents {
		t.Errorf("%d events are kept, want about %d", count, MaxHistoryEvents)
	}
	again := restored(t, m)
	if c, _ := wantHistory(t, again); c != count {
		t.Errorf("%d events after a restart, %d before", c, count)
	}
	// Both machines cut chunks at the same events.
	churn(m, chunkEvents, "")
	churn(again, chunkEvents, "")
	if m.Hash() != again.Hash() {
		t.Error("a machine that was restored drops other events")
	}
}

// A recovery drops the history and keeps its limits.
func TestHistoryIsBoundedByBytes(t *testing.T) {
	m := New()
	m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Commands: []Command{&Recover{}}})
	churn(m, 20_000, strings.Repeat("m", MaxMetaBytes))
	count, size := wantHistory(t, m)
	if size > MaxHistoryBytes || size < MaxHistoryBytes-3*chunkBytes {
		t.Errorf("%d bytes of events are kept, want about %d", size, MaxHistoryBytes)
	}
	if count >= 40_000 {
		t.Error("nothing was dropped")
	}
}

func TestLeaseHistoryIsBoundedByBytes(t *testing.T) {
	m := New()
	churn(m, 20, strings.Repeat("m", MaxMetaBytes))
	events := m.Lease("a").Events()
	size := 0
	for _, e := range events {
		size += e.Size()
	}
	if size > MaxNameEventSize || len(events) < 2 {
		t.Errorf("%d events of %d bytes are kept with the name", len(events), size)
	}
	if newest := events[len(events)-1]; newest.Revision != m.Revision() {
		t.Errorf("the newest is %d, want %d", newest.Revision, m.Revision())
	}
}

// If the limits leave one event only, it need not be the grant.
func TestLeaseHistoryKeepsTheNewestEvent(t *testing.T) {
	m := New()
	meta := strings.Repeat("n", MaxMetaBytes)
	m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Commands: []Command{
		&Acquire{Name: "a", Session: "s", Holder: "x", TTL: 1_000, Limit: 1, Meta: strings.Repeat("m", MaxMetaBytes)},
		&Renew{Name: "a", Session: "s", Meta: &meta},
	}})
	for _, m := range []*Machine{m, restored(t, m)} {
		if events := m.Lease("a").Events(); len(events) != 1 || events[0].Type != EventMeta || events[0].Meta != meta {
			t.Errorf("kept are %d events, the first of type %s", len(events), events[0].Type)
		}
	}
}

// A recovery may have lost events that watchers received, so they cannot resume.
func TestNoWatchResumesAcrossARecovery(t *testing.T) {
	m := New()
	churn(m, 10, "")
	m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Commands: []Command{&Recover{}}})
	if events, dropped := m.History(); len(events) > 0 || dropped != m.Revision() {
		t.Errorf("%d events from %d at %d", len(events), dropped, m.Revision())
	}
	churn(m, 1, "")
	wantHistory(t, m)
	wantHistory(t, restored(t, m))
	if len(m.Lease("a").Events()) != MaxNameEvents {
		t.Error("the name has lost its own history")
	}
}

func TestFreedNamesAreForgottenOldestFirst(t *testing.T) {
	m := New()
	free := func(name string) {
		m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Commands: []Command{
			&Acquire{Name: name, Session: "s", Holder: "x", TTL: 1_000, Limit: 1},
			&Release{Name: name, Session: "s"},
		}})
	}
	for i := range MaxPast {
		free(fmt.Sprint("n", i))
	}
	free("n0") // again: now it is the newest
	free("new")
	for name, known := range map[string]bool{"n0": true, "n1": false, "n2": true, "new": true} {
		if got := m.Lease(name).History.Transitions > 0; got != known {
			t.Errorf("%s is remembered: %v, want %v", name, got, known)
		}
	}
	if broken := invariants(m, nil); broken != "" {
		t.Error(broken)
	}
}

func TestPagesAreInOrderAndWhole(t *testing.T) {
	m := New()
	for i := range 250 {
		holder := "x"
		if i%10 == 0 {
			holder = "y"
		}
		m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Commands: []Command{
			&Acquire{Name: fmt.Sprintf("b.%03d", i), Session: fmt.Sprint("s", i), Holder: holder, TTL: 1_000, Limit: 1},
		}})
	}
	m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Commands: []Command{
		&Acquire{Name: "a", Session: "s", Holder: "x", TTL: 1_000, Limit: 1},
		&Acquire{Name: "c", Session: "s", Holder: "x", TTL: 1_000, Limit: 1},
	}})
	for _, test := range []struct {
		prefix, holder string
		want           int
	}{{"", "", 252}, {"b.", "", 250}, {"b.", "y", 25}, {"b.1", "", 100}, {"c", "", 1}, {"d", "", 0}, {"", "none", 0}} {
		for _, page := range []func(s Selection, after string, limit int) ([]*Lease, string){m.Page, m.Snapshot().Page} {
			var names []string
			for after, pages := "", 0; pages == 0 || after != ""; pages++ {
				leases, next := page(Selection{Prefix: test.prefix, Holder: test.holder}, after, 7)
				for _, l := range leases {
					if len(names) > 0 && l.Name <= names[len(names)-1] {
						t.Fatalf("%s after %s", l.Name, names[len(names)-1])
					}
					names = append(names, l.Name)
				}
				after = next
			}
			if len(names) != test.want {
				t.Errorf("%q %q: %d leases, want %d", test.prefix, test.holder, len(names), test.want)
			}
		}
	}
	if leases, next := m.Page(Selection{Prefix: "b."}, "a", 1); len(leases) != 1 || leases[0].Name != "b.000" || next != "b.000" {
		t.Errorf("a cursor before the prefix: %v %q", leases, next)
	}
}

func TestMachineGetters(t *testing.T) {
	m := sampleMachine() // it was recovered: the next leader sets its ID
	s := m.Snapshot()
	if m.ClusterID() != "" || m.Longest() != 70_000 || m.Now() != 2_000 || m.Quarantine().For != 15_000 {
		t.Errorf("cluster %q, longest %d, now %d, quarantine %+v", m.ClusterID(), m.Longest(), m.Now(), m.Quarantine())
	}
	if s.Revision() != m.Revision() || s.Now() != m.Now() {
		t.Errorf("a snapshot as of %d at %d", s.Revision(), m.Revision())
	}
	l := m.Lease("a")
	if v := m.Show(l, 0); len(v.Lease.Holds)+len(v.Lease.Queue) != 0 || v.Holders != len(l.Holds) || v.Waiters != len(l.Queue) {
		t.Errorf("shown with none of its holders: %+v", v)
	}
	if v := m.Show(l, 16); v.Lease != l || v.Revision != m.Revision() {
		t.Errorf("shown whole: %+v", v)
	}
}
