package fsm

import (
	"fmt"
	"io"
	"testing"
)

func leaseName(i int) string { return fmt.Sprintf("lease-%06d", i) }

// acquireMany takes so many leases for one session.
func acquireMany(m *Machine, leases int) {
	for from := 0; from < leases; from += 1_000 {
		e := &Entry{Version: EntryVersion, Term: 1, Stamp: Millis(from)}
		for i := from; i < min(from+1_000, leases); i++ {
			e.Commands = append(e.Commands, &Acquire{
				Name: leaseName(i), Session: "session", Holder: "x", TTL: DefaultTTL, Limit: 1,
			})
		}
		m.Apply(1, e)
	}
}

// spread takes so many leases for as many sessions.
func spread(m *Machine, leases int) {
	for i := range leases {
		m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Commands: []Command{&Acquire{
			Name: leaseName(i), Session: fmt.Sprintf("session-%06d", i), Holder: "x", TTL: DefaultTTL, Limit: 1,
		}}})
	}
}

func BenchmarkAcquireRelease(b *testing.B) {
	m := New()
	spread(m, 100_000)
	take := &Acquire{Name: "bench", Session: "bench-session-0001", Holder: "x", TTL: DefaultTTL, Limit: 1}
	give := &Release{Name: "bench", Session: "bench-session-0001"}
	stamp := Millis(0)
	b.ReportAllocs()
	for b.Loop() {
		stamp++
		m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Stamp: stamp, Commands: []Command{take, give}})
	}
}

// BenchmarkSnapshotHandle measures how long taking a snapshot delays Apply.
func BenchmarkSnapshotHandle(b *testing.B) {
	m := New()
	spread(m, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		m.Snapshot()
	}
}

func BenchmarkSnapshotWrite(b *testing.B) {
	m := New()
	spread(m, 100_000)
	s := m.Snapshot()
	for b.Loop() {
		if err := s.Write(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeEntry(b *testing.B) {
	e := &Entry{Term: 1}
	for i := range 64 {
		e.Commands = append(e.Commands, &Acquire{Name: leaseName(i), Session: "bench-session-0001", Holder: "x", TTL: DefaultTTL, Limit: 1})
	}
	data := encodeEntry(e, EntryVersion)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := DecodeEntry(data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkExpire ends a thousand holds of a hundred thousand that expire at once, in the
// order of their grants.
func BenchmarkExpire(b *testing.B) {
	const leases, turn = 100_000, 1_000
	var m *Machine
	next := leases
	b.ReportAllocs()
	for b.Loop() {
		if next == leases {
			b.StopTimer()
			m, next = New(), 0
			spread(m, leases)
			b.StartTimer()
		}
		e := &Entry{Version: EntryVersion, Term: 1, Stamp: DefaultTTL}
		for i := next; i < next+turn; i++ {
			e.Commands = append(e.Commands, &Expire{Timer: TimerHold, Name: leaseName(i), ID: uint64(i + 1), Seq: 1})
		}
		next += turn
		m.Apply(1, e)
	}
}
