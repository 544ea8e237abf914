package fsm

import (
	"bytes"
	"errors"
	"testing"

	"github.com/lockd/lockd/internal/fsm/outcome"
)

// What the tests encode and decode is of the newest version.

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func encodeEntry(e *Entry, version uint64) []byte { return must(e.Encode(version)) }
func encodeCommand(c Command) []byte              { return must(EncodeCommand(c, EntryVersion)) }
func decodeCommand(b []byte) (Command, error)     { return DecodeCommand(b, EntryVersion) }
func encodeReply(r *Reply) []byte                 { return outcome.EncodeReply(r, EntryVersion) }
func decodeReply(b []byte) (Reply, error)         { return outcome.DecodeReply(b, EntryVersion) }
func encodeQuery(q Query) []byte                  { return must(EncodeQuery(q, EntryVersion)) }
func decodeQuery(b []byte) (Query, error)         { return outcome.DecodeQuery(b, EntryVersion) }
func encodeAnswer(a *Answer) []byte               { return outcome.EncodeAnswer(a, EntryVersion) }
func decodeAnswer(b []byte) (Answer, error)       { return outcome.DecodeAnswer(b, EntryVersion) }

// later is a command with a field that came with version 2.
type later struct {
	InitCluster
	Note string
}

func (c *later) encode(e *encoder) {
	c.InitCluster.encode(e)
	if e.requires(2, c.Note != "") {
		e.String(c.Note)
	}
}

func (c *later) decode(d *decoder) {
	c.InitCluster.decode(d)
	if d.Since(2) {
		c.Note = d.String(MaxReasonBytes)
	}
}

func TestFieldIsWrittenOnlyInVersionsThatHaveIt(t *testing.T) {
	plain := &later{InitCluster: InitCluster{ClusterID: "c1"}}
	noted := &later{InitCluster: InitCluster{ClusterID: "c1"}, Note: "n"}
	old := encodeCommand(&plain.InitCluster)
	if b, err := EncodeCommand(plain, 1); err != nil || !bytes.Equal(b, old) {
		t.Errorf("without the field, in version 1: %x %v, want %x", b, err, old)
	}
	if b, err := EncodeCommand(noted, 1); !errors.Is(err, ErrNotYet) || !errors.Is(err, ErrNotReady) || b != nil {
		t.Errorf("with the field, in version 1: %x %v", b, err)
	}
	if _, err := (&Entry{Commands: []Command{noted}}).Encode(1); !errors.Is(err, ErrNotYet) {
		t.Errorf("an entry with it, in version 1: %v", err)
	}
	for version, want := range map[uint64]*later{1: plain, 2: noted} {
		b, err := EncodeCommand(want, version)
		if err != nil {
			t.Fatal(err)
		}
		got, d := &later{}, newDecoder(b[2:], version)
		if got.decode(&d); d.End("it") != nil || *got != *want {
			t.Errorf("version %d: %+v is read as %+v, %v", version, want, got, d.Err)
		}
	}
}

// A machine switches to a version with the first entry of that version, and so do its
// snapshots and its hash. Before that, a member might not be able to read them.
func TestMachineHasTheNewestAppliedVersion(t *testing.T) {
	head := func(m *Machine) byte { return snapshotOf(t, m)[len(snapshotMagic)] }
	m := sampleMachine()
	before := m.Hash()
	if m.Version() != EntryVersion || head(m) != EntryVersion {
		t.Fatalf("version %d, and a snapshot of version %d", m.Version(), head(m))
	}
	m.Apply(1, &Entry{Version: EntryVersion + 1, Term: 1, Stamp: m.now, Wall: m.wall})
	if m.Version() != EntryVersion+1 || head(m) != EntryVersion+1 || m.Hash() == before {
		t.Errorf("after an entry of the next version: version %d, and a snapshot of version %d", m.Version(), head(m))
	}
	m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Stamp: m.now, Wall: m.wall})
	if m.Version() != EntryVersion+1 {
		t.Error("an entry of the former version lowered the version")
	}
	if _, err := Restore(bytes.NewReader(snapshotOf(t, m))); !errors.Is(err, ErrTooNew) {
		t.Errorf("Restore of a snapshot of an unknown version: %v", err)
	}
}

func TestMalformedHeadersAreRefused(t *testing.T) {
	for _, head := range [][2]byte{{1, 0}, {0, 0}, {0, 1}} {
		b := encodeEntry(&Entry{Term: 1, Commands: leaseSamples()[:2]}, 1)
		b[1], b[2] = head[0], head[1]
		if _, err := DecodeEntry(b); !errors.Is(err, errCorrupt) {
			t.Errorf("versions %v: %v", head, err)
		}
	}
	if _, err := Restore(bytes.NewReader(forged(0, machineSection))); !errors.Is(err, errCorrupt) {
		t.Errorf("a snapshot of version 0: %v", err)
	}
}
