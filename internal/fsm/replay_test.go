package fsm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// logged is one entry and the term in which Raft committed it.
type logged struct {
	term  uint64
	entry *Entry
}

// drawLog draws a log of entries with up to five commands each, and the machine
// that has applied it.
func drawLog(t *rapid.T) (*Machine, []logged) {
	m := New()
	h := newGenerator(m)
	var log []logged
	stamp := Millis(0)
	for range rapid.IntRange(1, 40).Draw(t, "entries") {
		stamp += Millis(rapid.IntRange(-10, 2_000).Draw(t, "passed"))
		e := logged{2, &Entry{Version: EntryVersion, Term: rapid.Uint64Range(1, 2).Draw(t, "decided"), Stamp: stamp, Wall: int64(stamp)}}
		for range rapid.IntRange(1, 5).Draw(t, "commands") {
			e.entry.Commands = append(e.entry.Commands, h.any(t))
		}
		h.recordTimers(m.Apply(e.term, e.entry).Timers)
		log = append(log, e)
	}
	return m, log
}

// reread returns an entry as another node decodes it.
func reread(t rapid.TB, e *Entry) *Entry {
	t.Helper()
	again, err := DecodeEntry(encodeEntry(e, EntryVersion))
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// restored returns the machine of a node that received a snapshot of m.
func restored(t rapid.TB, m *Machine) *Machine {
	t.Helper()
	var b bytes.Buffer
	if err := m.Snapshot().Write(&b); err != nil {
		t.Fatal(err)
	}
	n, err := Restore(&b)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// same compares two values; an empty list equals nil.
func same(a, b any) bool {
	return cmp.Equal(a, b, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(Lease{}))
}

func hashOf(t rapid.TB, s *Snapshot) string {
	t.Helper()
	sum := sha256.New()
	if err := s.Write(sum); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// TestReplicasAgree compares a machine that reads entries from the log, one that applies
// their commands one by one, and one that receives a snapshot: all have the same state,
// results and events.
func TestReplicasAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want, log := drawLog(t)
		at := rapid.IntRange(0, len(log)).Draw(t, "snapshot")
		reader, single, late := New(), New(), New()
		for i, e := range log {
			if i == at {
				late = restored(t, late)
			}
			out := reader.Apply(e.term, reread(t, e.entry))
			if other := late.Apply(e.term, reread(t, e.entry)); !same(out, other) {
				t.Fatalf("after a snapshot\n%+v\nand without\n%+v", other, out)
			}
			var events []*Event
			var results []Result
			for _, c := range e.entry.Commands {
				one := single.Apply(e.term, &Entry{Version: e.entry.Version, Term: e.entry.Term, Stamp: e.entry.Stamp, Wall: e.entry.Wall, Commands: []Command{c}})
				events, results = append(events, one.Events...), append(results, one.Results...)
			}
			if !same(events, out.Events) || !same(results, out.Results) {
				t.Fatalf("one by one\n%+v\nand together\n%+v", results, out.Results)
			}
		}
		for name, m := range map[string]*Machine{"reader": reader, "single": single, "late": late, "restored": restored(t, want)} {
			if m.Hash() != want.Hash() {
				t.Fatalf("%s differs", name)
			}
			if broken := invariants(m, nil); broken != "" {
				t.Fatalf("%s: %s", name, broken)
			}
			events, dropped := m.History()
			wantEvents, wantDropped := want.History()
			if dropped != wantDropped || !same(events, wantEvents) {
				t.Fatalf("%s has another history", name)
			}
		}
	})
}

// Leases and snapshots are read without the lock while the machine changes.
func TestLeasesAndSnapshotsNeverChange(t *testing.T) {
	encoded := func(l *Lease) string {
		var e encoder
		e.Lease(l, true)
		return string(e.Bytes)
	}
	rapid.Check(t, func(t *rapid.T) {
		_, log := drawLog(t)
		m := New()
		leases := make(map[*Lease]string)
		snapshots := make(map[*Snapshot]string)
		for _, e := range log {
			out := m.Apply(e.term, e.entry)
			for _, name := range []string{"a", "b", "c", "d"} {
				l := m.Lease(name)
				leases[l] = encoded(l)
				v := m.Show(l, 1)
				leases[v.Lease] = encoded(v.Lease)
			}
			for _, r := range out.Results {
				if r.Lease != nil {
					leases[r.Lease] = encoded(r.Lease)
				}
			}
			snapshots[m.Snapshot()] = m.Hash()
		}
		for l, before := range leases {
			if encoded(l) != before {
				t.Fatalf("lease %s was changed after it was taken", l.Name)
			}
		}
		for s, before := range snapshots {
			if hashOf(t, s) != before {
				t.Fatalf("the snapshot of revision %d was changed after it was taken", s.Revision())
			}
		}
	})
}

// The race detector checks this test.
func TestSnapshotIsWrittenWhileTheMachineChanges(t *testing.T) {
	m := New()
	acquireMany(m, 2_000)
	var writers sync.WaitGroup
	for round := range 5 {
		s, want := m.Snapshot(), m.Hash()
		writers.Go(func() {
			var b bytes.Buffer
			if err := s.Write(&b); err != nil {
				t.Error(err)
			}
			if n, err := Restore(&b); err != nil || n.Hash() != want {
				t.Errorf("round %d: another state, %v", round, err)
			}
		})
		for i := range 500 {
			m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Stamp: Millis(i), Commands: []Command{
				&Release{Name: leaseName(i * (round + 1) % 2_000), Session: "session"},
				&Acquire{Name: leaseName(i), Session: "session", Holder: "x", TTL: DefaultTTL, Limit: 1},
			}})
		}
	}
	writers.Wait()
}
