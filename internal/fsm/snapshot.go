package fsm

import (
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/tidwall/btree"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/fsm/lease"
	"github.com/lockd/lockd/internal/fsm/wire"
)

// A Snapshot is the machine at one revision. Taking it copies a few copy-on-write handles.
// It can be written while the machine changes.
//
// It is written as package wire describes. The version is that of the machine, not the newest that this code writes: see
// Machine.Version. The section "end" is the last. The error for an unknown section has its name.
type Snapshot struct {
	header

	nodes     []Node
	leases    lease.Active
	past      *btree.BTreeG[lease.Past]
	history   lease.Events
	ends      *btree.BTreeG[endRecord]
	forgotten uint64
	access    *access.Table
	documents *document.Table
}

const (
	snapshotMagic  = "LOCKDFSM"
	maxRecordBytes = 64 << 20 // a lease with a full queue of full metas is 10 MiB
)

// Snapshot returns a snapshot of the current state.
func (m *Machine) Snapshot() *Snapshot {
	return &Snapshot{
		header: m.header, nodes: m.nodes.Items(), leases: m.leases.Active(), past: m.leases.Past(), history: m.history.Copy(),
		ends: m.ends.order.Copy(), forgotten: m.ends.forgotten, access: m.access.Copy(), documents: m.documents.Copy(),
	}
}

// Page is Machine.Page at the snapshot.
func (s *Snapshot) Page(sel Selection, after string, limit int) (page []*Lease, next string) {
	return s.leases.Page(sel, after, limit)
}

// Write writes the snapshot.
func (s *Snapshot) Write(w io.Writer) error {
	out := newSnapshotWriter(w, s.version)
	out.Section("machine", 1)
	out.record(func(e *encoder) {
		e.String(s.cluster)
		e.Uint(s.revision)
		e.Millis(s.now)
		e.Int64(s.wall)
		e.Millis(s.longestTTL)
		e.Millis(s.quarantine.For)
		e.Millis(s.quarantine.From)
		e.Uint(s.quarantine.Seq)
		e.Uint(s.history.Dropped())
		if e.Since(2) {
			e.Uint(s.forgotten)
		}
		if e.Since(3) {
			e.String(s.salt)
		}
	})
	out.Section("nodes", len(s.nodes))
	for _, n := range s.nodes {
		out.record(func(e *encoder) { e.node(n) })
	}
	out.Section("history", s.history.Len())
	s.history.Scan(func(v *Event) {
		out.record(func(e *encoder) {
			e.String(v.Name)
			e.Event(v)
		})
	})
	out.Section("leases", s.leases.Len())
	s.leases.Scan(func(l *Lease) bool {
		out.record(func(e *encoder) { e.Lease(l, true) })
		return !out.Failed()
	})
	out.Section("past", s.past.Len())
	s.past.Scan(func(p lease.Past) bool {
		out.record(func(e *encoder) {
			e.String(p.Name)
			e.Uint(p.Freed)
			e.History(p.History, p.History.Events)
		})
		return !out.Failed()
	})
	if s.version >= 2 {
		out.Section("ends", s.ends.Len())
		s.ends.Scan(func(end endRecord) bool {
			out.record(func(e *encoder) {
				e.String(end.session)
				e.String(end.name)
				e.Uint(end.revision)
				e.String(end.attempt)
			})
			return !out.Failed()
		})
	}
	if s.version >= 3 {
		changes := s.access.Changes()
		out.Section("access", len(changes))
		for _, c := range changes {
			out.record(func(e *encoder) { e.change(&c) })
		}
	}
	if s.version >= 4 {
		s.writeDocuments(out)
	}
	out.Section("end", 0)
	return out.Close()
}

func (s *Snapshot) writeDocuments(out *snapshotWriter) {
	out.Section("documents", s.documents.Len())
	s.documents.Scan(func(d *document.Document) bool {
		out.record(func(e *encoder) { d.Encode(&e.Encoder) })
		return !out.Failed()
	})
	rounds := s.documents.Rounds()
	out.Section("elections", len(rounds))
	for _, r := range rounds {
		out.record(func(e *encoder) { r.Encode(&e.Encoder) })
	}
}

// snapshotWriter is a writer of sections whose records are in the machine's form.
type snapshotWriter struct {
	*wire.Writer
	enc encoder
}

func newSnapshotWriter(w io.Writer, version uint64) *snapshotWriter {
	return &snapshotWriter{wire.NewWriter(w, snapshotMagic, version), newEncoder(version)}
}

func (s *snapshotWriter) record(fill func(*encoder)) {
	s.enc.Bytes = s.enc.Bytes[:0]
	fill(&s.enc)
	s.Record(s.enc.Bytes, s.enc.Err)
}

// Hash returns a digest of the whole state. Two machines that applied the same entries have
// the same hash.
func (m *Machine) Hash() string {
	h := sha256.New()
	if err := m.Snapshot().Write(h); err != nil {
		panic("fsm: writing to a hash failed: " + err.Error())
	}
	return hex.EncodeToString(h.Sum(nil))
}
