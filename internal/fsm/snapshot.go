package fsm

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"io"

	"github.com/tidwall/btree"
)

// A Snapshot is the machine at one revision. Taking it copies a few copy-on-write handles.
// It can be written while the machine changes.
//
// On disk: the magic and the version, then the sections in order. The version is that of
// the machine, not the newest that this code writes: see Machine.Version. A section is its
// name, the number of its records, and each record after its length. The section "end" is
// the last; a CRC-32C (4 bytes, little-endian) of all that precedes follows it. The error
// for an unknown section has its name.
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
	auth       AuthMode
	principals *btree.BTreeG[*Principal]
	tokens     *btree.BTreeG[*Token]
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
		auth: m.access.mode, principals: m.access.principals.Copy(), tokens: m.access.tokens.Copy(),
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
	sum := crc32.New(castagnoli())
	out := newSectionWriter(io.MultiWriter(w, sum), s.version)
	out.bytes([]byte(snapshotMagic))
	out.bytes([]byte{byte(s.version)})

	out.section("machine", 1)
	out.record(func(e *encoder) {
		e.string(s.cluster)
		e.uint(s.revision)
		e.millis(s.now)
		e.int64(s.wall)
		e.millis(s.longest)
		e.millis(s.quarantine.For)
		e.millis(s.quarantine.From)
		e.uint(s.quarantine.Seq)
		e.uint(s.history.dropped)
		if e.since(2, false) {
			e.uint(s.forgotten)
			e.uint(uint64(s.auth))
		}
	})
	out.section("nodes", len(s.nodes))
	for _, n := range s.nodes {
		out.record(func(e *encoder) { e.node(n) })
	}
	out.section("history", s.history.count)
	for _, c := range s.history.chunks {
		for _, v := range c.events {
			out.record(func(e *encoder) {
				e.string(v.Name)
				e.event(v)
			})
		}
	}
	out.section("leases", s.leases.Len())
	s.leases.Scan(func(l *Lease) bool {
		out.record(func(e *encoder) { e.lease(l, true) })
		return out.err == nil
	})
	out.section("past", s.past.Len())
	s.past.Scan(func(p pastName) bool {
		out.record(func(e *encoder) {
			e.string(p.name)
			e.uint(p.freed)
			e.leaseHistory(p.history, p.history.Events)
		})
		return out.err == nil
	})
	if s.version >= 2 {
		out.section("ends", s.ends.Len())
		s.ends.Scan(func(end endRecord) bool {
			out.record(func(e *encoder) {
				e.string(end.session)
				e.string(end.name)
				e.uint(end.revision)
				e.string(end.attempt)
			})
			return out.err == nil
		})
		s.writeAccess(out)
	}
	out.section("end", 0)
	if out.err == nil {
		out.err = out.w.Flush()
	}
	if out.err != nil {
		return out.err
	}
	_, err := w.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

func (s *Snapshot) writeAccess(out *sectionWriter) {
	out.section("principals", s.principals.Len())
	s.principals.Scan(func(p *Principal) bool {
		out.record(func(e *encoder) {
			e.string(p.Name)
			e.rules(p.Rules)
			e.uint(p.Changed)
		})
		return out.err == nil
	})
	out.section("tokens", s.tokens.Len())
	s.tokens.Scan(func(t *Token) bool {
		out.record(func(e *encoder) { e.token(t) })
		return out.err == nil
	})
}

// sectionWriter writes sections and records. It keeps the first error.
type sectionWriter struct {
	w   *bufio.Writer
	enc encoder
	err error
}

func newSectionWriter(w io.Writer, version uint64) *sectionWriter {
	return &sectionWriter{w: bufio.NewWriterSize(w, 1<<16), enc: encoder{version: version}}
}

func (s *sectionWriter) bytes(b []byte) {
	if s.err == nil {
		_, s.err = s.w.Write(b)
	}
}

func (s *sectionWriter) section(name string, records int) {
	s.enc.buf = s.enc.buf[:0]
	s.enc.string(name)
	s.enc.uint(uint64(records))
	s.bytes(s.enc.buf)
}

func (s *sectionWriter) record(fill func(*encoder)) {
	s.enc.buf = s.enc.buf[:0]
	fill(&s.enc)
	if s.err == nil {
		s.err = s.enc.err
	}
	s.bytes(binary.AppendUvarint(nil, uint64(len(s.enc.buf))))
	s.bytes(s.enc.buf)
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
