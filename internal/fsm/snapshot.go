package fsm

import (
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/tidwall/btree"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/wire"
)

// A Snapshot is the machine at one revision. Taking it copies a few copy-on-write handles.
// It can be written while the machine changes.
//
// It is written as package wire describes. The version is that of the machine, not the newest that this code writes: see
// Machine.Version. The section "end" is the last. The error for an unknown section has its name.
type Snapshot struct {
	version    uint64
	cluster    string
	revision   uint64
	now        Millis
	wall       int64
	longest    Millis
	quarantine Quarantine
	nodes      []Node
	leases     *btree.BTreeG[*Lease]
	past       *btree.BTreeG[pastName]
	history    history
	ends       *btree.BTreeG[endRecord]
	forgotten  uint64
	salt       string
	access     *access.Table
}

const (
	snapshotMagic  = "LOCKDFSM"
	maxRecordBytes = 64 << 20 // a lease with a full queue of full metas is 10 MiB
)

// Snapshot returns a snapshot of the current state.
func (m *Machine) Snapshot() *Snapshot {
	return &Snapshot{
		version: m.version, cluster: m.cluster, revision: m.revision, now: m.now, wall: m.wall, longest: m.longestTTL,
		quarantine: m.quarantine, nodes: m.nodes.Items(), leases: m.leases.Copy(), past: m.past.Copy(),
		history: m.history.copy(), ends: m.ends.order.Copy(), forgotten: m.ends.forgotten,
		salt: m.salt, access: m.access.Copy(),
	}
}

// Revision returns the revision at which the snapshot was taken.
func (s *Snapshot) Revision() uint64 { return s.revision }

// Now returns the cluster time of the last entry before the snapshot.
func (s *Snapshot) Now() Millis { return s.now }

// Page is Machine.Page at the snapshot.
func (s *Snapshot) Page(prefix, holder, after string, limit int) (page []*Lease, next string) {
	return pageOf(s.leases, prefix, holder, after, limit)
}

// Write writes the snapshot.
func (s *Snapshot) Write(w io.Writer) error {
	out := newSnapshotWriter(w, s.version)
	out.Section("machine", 1)
	out.record(func(e *encoder) {
		e.String(s.cluster)
		e.Uint(s.revision)
		e.millis(s.now)
		e.Int64(s.wall)
		e.millis(s.longest)
		e.millis(s.quarantine.For)
		e.millis(s.quarantine.From)
		e.Uint(s.quarantine.Seq)
		e.Uint(s.history.dropped)
		if e.since(2, false) {
			e.Uint(s.forgotten)
		}
		if e.since(3, false) {
			e.String(s.salt)
		}
	})
	out.Section("nodes", len(s.nodes))
	for _, n := range s.nodes {
		out.record(func(e *encoder) { e.node(n) })
	}
	out.Section("history", s.history.count)
	for _, c := range s.history.chunks {
		for _, v := range c.events {
			out.record(func(e *encoder) {
				e.String(v.Name)
				e.event(v)
			})
		}
	}
	out.Section("leases", s.leases.Len())
	s.leases.Scan(func(l *Lease) bool {
		out.record(func(e *encoder) { e.lease(l, true) })
		return !out.Failed()
	})
	out.Section("past", s.past.Len())
	s.past.Scan(func(p pastName) bool {
		out.record(func(e *encoder) {
			e.String(p.name)
			e.Uint(p.freed)
			e.leaseHistory(p.history, p.history.Events)
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
			out.record(func(e *encoder) { c.Encode(&e.Encoder) })
		}
	}
	out.Section("end", 0)
	return out.Close()
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
