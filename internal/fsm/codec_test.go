package fsm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lockd/lockd/internal/fsm/lease"
	"github.com/lockd/lockd/internal/fsm/wire"
)

func TestEveryKindHasASample(t *testing.T) {
	seen := make(map[kind]bool)
	for _, c := range samples() {
		seen[c.kind()] = true
		again, err := decodeCommand(encodeCommand(c))
		if err != nil || !same(c, again) {
			t.Errorf("%+v is read as %+v, %v", c, again, err)
		}
	}
	for k := kind(1); int(k) < len(commands); k++ {
		if !seen[k] {
			t.Errorf("kind %d has no sample", k)
		}
		if got := newCommand(k).kind(); got != k {
			t.Errorf("the command at index %d has kind %d", k, got)
		}
	}
	if newCommand(0) != nil || newCommand(kind(len(commands))) != nil {
		t.Error("newCommand returns a command of an unknown kind")
	}
}

func sealed(body ...byte) []byte {
	b := append([]byte{entryMagic, EntryVersion, EntryVersion, 0, 0, 0, 0}, body...)
	binary.LittleEndian.PutUint32(b[3:], wire.Checksum(body))
	return b
}

func TestEntriesThatCannotBeRead(t *testing.T) {
	good := encodeEntry(sampleEntry(), EntryVersion)
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for _, test := range []struct {
		what string
		data []byte
		want error
	}{
		{"empty", nil, errCorrupt},
		{"another magic", append([]byte{0}, good[1:]...), errCorrupt},
		{"cut off", good[:len(good)-1], errCorrupt},
		{"flipped", flipped, errCorrupt},
		{"newer", encodeEntry((&Entry{}), EntryVersion+1), ErrTooNew},
		{"bytes that follow", sealed(1, 2, 2, 0, 9), errCorrupt},
		{"no body", sealed(), errCorrupt},
		{"a list longer than its bytes", sealed(1, 2, 2, 50), errCorrupt},
		{"an unknown command", sealed(1, 2, 2, 1, 99, 0), errCorrupt},
		{"a command that is cut off", sealed(1, 2, 2, 1, byte((&InitCluster{}).kind()), 1, 5), errCorrupt},
		{"a command with a byte too many", sealed(1, 2, 2, 1, byte((&InitCluster{}).kind()), 2, 0, 0), errCorrupt},
		{"a number without an end", sealed(0x80, 0x80), errCorrupt},
		{"a bool of two", sealed(append([]byte{1, 2, 2, 1, byte((&Acquire{}).kind()), 4}, 0, 0, 0, 2)...), errCorrupt},
	} {
		if e, err := DecodeEntry(test.data); !errors.Is(err, test.want) || e != nil {
			t.Errorf("%s: %v, %v; want %v", test.what, e, err, test.want)
		}
	}
	if _, err := decodeCommand(append(encodeCommand(&InitCluster{ClusterID: "c"}), 0)); !errors.Is(err, errCorrupt) {
		t.Errorf("bytes that follow a command: %v", err)
	}
	huge := encodeCommand(&Acquire{Name: "a", Limit: MaxLimit + 1})
	if _, err := decodeCommand(huge); !errors.Is(err, errCorrupt) {
		t.Errorf("a limit out of range: %v", err)
	}
	huge = encodeCommand(&Acquire{Name: "a", Limit: 1 << 40})
	if _, err := decodeCommand(huge); !errors.Is(err, errCorrupt) {
		t.Errorf("a limit far out of range: %v", err)
	}
}

func snapshotOf(t *testing.T, m *Machine) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Snapshot().Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// restore is Restore, and panics if Verify disagrees with it.
func restore(snapshot []byte) (*Machine, error) {
	m, err := Restore(bytes.NewReader(snapshot))
	if verified := Verify(bytes.NewReader(snapshot)); fmt.Sprint(verified) != fmt.Sprint(err) {
		panic(fmt.Sprintf("Restore returned %v, Verify %v", err, verified))
	}
	return m, err
}

// TestDamagedSnapshotsAreRefused changes each byte of a snapshot, cuts it off at each, and
// adds one.
func TestDamagedSnapshotsAreRefused(t *testing.T) {
	good := snapshotOf(t, sampleMachine())
	for i := range good {
		for _, bit := range []byte{1, 0x80} {
			bad := bytes.Clone(good)
			bad[i] ^= bit
			if _, err := restore(bad); err == nil {
				t.Errorf("Restore accepts a snapshot with byte %d of %d flipped", i, len(good))
			}
		}
		if _, err := restore(good[:i]); err == nil {
			t.Errorf("Restore accepts a snapshot cut off after %d of %d bytes", i, len(good))
		}
	}
	if _, err := restore(append(bytes.Clone(good), 0)); err == nil {
		t.Error("Restore accepts a snapshot with a byte added")
	}
	if _, err := Restore(iotest.OneByteReader(bytes.NewReader(good))); err != nil {
		t.Errorf("read byte by byte: %v", err)
	}
}

// forged returns a snapshot with any sections and a valid checksum.
func forged(version byte, sections func(*snapshotWriter)) []byte {
	var b bytes.Buffer
	out := newSnapshotWriter(&b, uint64(version))
	sections(out)
	_ = out.Close()
	return b.Bytes()
}

func machineSection(out *snapshotWriter) {
	out.Section("machine", 1)
	out.record(func(e *encoder) {
		e.String("c1")
		e.Uint(100)
		for range 2 {
			e.Millis(0)
		}
		e.Millis(0)
		e.Millis(0)
		e.Millis(0)
		e.Uint(0)
		e.Uint(0)
		if e.Since(2) {
			e.Uint(0)
		}
		if e.Since(3) {
			e.String("c1")
		}
	})
}

func TestForgedSnapshotsAreRefused(t *testing.T) {
	hold := func(token uint64, slot int, session string) *Hold {
		return &Hold{Holder: "x", Session: session, Token: token, Slot: slot, TTL: 1_000}
	}
	leases := func(all ...*Lease) func(*snapshotWriter) {
		return func(out *snapshotWriter) {
			machineSection(out)
			out.Section("nodes", 0)
			out.Section("history", 0)
			out.Section("leases", len(all))
			for _, l := range all {
				l.History = &lease.History{}
				out.record(func(e *encoder) { e.Lease(l, true) })
			}
			out.Section("past", 0)
			if out.enc.Version >= 2 {
				out.Section("ends", 0)
			}
			if out.enc.Version >= 3 {
				out.Section("access", 0)
			}
			if out.enc.Version >= 4 {
				out.Section("documents", 0)
				out.Section("elections", 0)
			}
			out.Section("end", 0)
		}
	}
	good := &Lease{Name: "a", Limit: 2, Holds: []*Hold{hold(1, 0, "s1"), hold(2, 1, "s2")}}
	if _, err := Restore(bytes.NewReader(forged(EntryVersion, leases(good)))); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	for _, test := range []struct {
		what     string
		version  byte
		sections func(*snapshotWriter)
		want     error
	}{
		{"newer", EntryVersion + 1, leases(good), ErrTooNew},
		{"an unknown section", 1, func(out *snapshotWriter) { out.Section("tenants", 0) }, ErrTooNew},
		{"another order", 1, func(out *snapshotWriter) { out.Section("nodes", 0) }, errCorrupt},
		{"no end", 1, machineSection, errCorrupt},
		{"a name that is too long", 1, func(out *snapshotWriter) { out.Section(strings.Repeat("x", 65), 0) }, errCorrupt},
		{"an end with records", 1, func(out *snapshotWriter) {
			machineSection(out)
			for _, s := range []string{"nodes", "history", "leases", "past"} {
				out.Section(s, 0)
			}
			out.Section("end", 1)
			out.record(func(*encoder) {})
		}, errCorrupt},
		{"a record with bytes too many", 1, func(out *snapshotWriter) {
			machineSection(out)
			out.Section("nodes", 1)
			out.record(func(e *encoder) { e.node(Node{ID: "n"}); e.Uint(0) })
		}, errCorrupt},
		{"a node twice", 1, func(out *snapshotWriter) {
			machineSection(out)
			out.Section("nodes", 2)
			for range 2 {
				out.record(func(e *encoder) { e.node(Node{ID: "n"}) })
			}
		}, errCorrupt},
		{"events out of order", 1, func(out *snapshotWriter) {
			machineSection(out)
			out.Section("nodes", 0)
			out.Section("history", 2)
			for _, r := range []uint64{8, 7} {
				out.record(func(e *encoder) { e.String("a"); e.Event(&Event{Revision: r}) })
			}
		}, errCorrupt},
		{"a lease twice", 1, leases(good, good), errCorrupt},
		{"leases out of order", 1, leases(&Lease{Name: "b", Limit: 1, Holds: []*Hold{hold(1, 0, "s1")}}, good), errCorrupt},
		{"an empty lease", 1, leases(&Lease{Name: "a", Limit: 1}), errCorrupt},
		{"a slot twice", 1, leases(&Lease{Name: "a", Limit: 2, Holds: []*Hold{hold(1, 0, "s1"), hold(2, 0, "s2")}}), errCorrupt},
		{"a slot beyond the limit", 1, leases(&Lease{Name: "a", Limit: 1, Holds: []*Hold{hold(1, 1, "s1")}}), errCorrupt},
		{"a slot that cools beyond it", 1, leases(&Lease{Name: "a", Limit: 1, Cooldowns: []Cooldown{{Slot: 1}}}), errCorrupt},
		{"a session twice", 1, leases(&Lease{Name: "a", Limit: 2, Holds: []*Hold{hold(1, 0, "s1"), hold(2, 1, "s1")}}), errCorrupt},
		{"a holder that waits", 1, leases(&Lease{
			Name: "a", Limit: 1, Holds: []*Hold{hold(1, 0, "s1")}, Queue: []*Ticket{{Session: "s1"}},
		}), errCorrupt},
		{"a token never given", 1, leases(&Lease{Name: "a", Limit: 1, Holds: []*Hold{hold(101, 0, "s1")}}), errCorrupt},
		{"no token", 1, leases(&Lease{Name: "a", Limit: 1, Holds: []*Hold{hold(0, 0, "s1")}}), errCorrupt},
		{"no limit", 1, leases(&Lease{Name: "a", Holds: []*Hold{hold(1, 0, "s1")}}), errCorrupt},
		{"a freed name that is held", 1, func(out *snapshotWriter) {
			leases := []*Lease{{Name: "a", Limit: 1, Holds: []*Hold{hold(1, 0, "s1")}, History: &lease.History{}}}
			machineSection(out)
			out.Section("nodes", 0)
			out.Section("history", 0)
			out.Section("leases", 1)
			out.record(func(e *encoder) { e.Lease(leases[0], true) })
			out.Section("past", 1)
			out.record(func(e *encoder) { e.String("a"); e.Uint(9); e.History(&lease.History{}, nil) })
		}, errCorrupt},
		{"a freed name twice", 1, func(out *snapshotWriter) {
			machineSection(out)
			for _, s := range []string{"nodes", "history", "leases"} {
				out.Section(s, 0)
			}
			out.Section("past", 2)
			for range 2 {
				out.record(func(e *encoder) { e.String("a"); e.Uint(9); e.History(&lease.History{}, nil) })
			}
		}, errCorrupt},
	} {
		m, err := restore(forged(test.version, test.sections))
		if !errors.Is(err, test.want) || m != nil {
			t.Errorf("%s: %v, want %v", test.what, err, test.want)
		}
	}
}

// A decoder allocates memory for the bytes that exist, not for the length that is stated.
func TestLengthsDoNotAllocate(t *testing.T) {
	promising := forged(1, func(out *snapshotWriter) { out.Section("machine", 1) })
	promising = binary.AppendUvarint(promising[:len(promising)-4], maxRecordBytes)
	list := encodeReply(&Reply{})
	list = append(list[:len(list)-8], 0xff, 0xff, 0xff, 0xff, 0x0f)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Restore(bytes.NewReader(promising)); err == nil {
		t.Error("Restore reads a missing record")
	}
	if _, err := decodeReply(list); err == nil {
		t.Error("DecodeReply reads a missing list")
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d bytes were allocated", used)
	}
}

// failing is a disk with limited space.
type failing struct{ room int }

func (f *failing) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errors.New("no space left")
	}
	return len(b), nil
}

func TestWriteReportsAFullDisk(t *testing.T) {
	m := New()
	spread(m, 2_000)
	size := len(snapshotOf(t, m))
	for _, room := range []int{0, 1_000, size / 2, size - 1} {
		if err := m.Snapshot().Write(&failing{room: room}); err == nil {
			t.Errorf("a disk with %d free bytes accepts a snapshot of %d", room, size)
		}
	}
	if err := m.Snapshot().Write(&failing{room: size}); err != nil {
		t.Errorf("there is room: %v", err)
	}
}
