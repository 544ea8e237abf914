package fsm

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"slices"

	"github.com/tidwall/btree"
)

// A Snapshot is the machine at one revision. Taking it costs the machine a few
// copy-on-write handles; it is written beside a machine that goes on.
//
// On disk: the magic and a version byte, then sections. A section is its name,
// the number of its records, and each record with its length; the section "end"
// closes the file, and a CRC-32C (4 bytes, little-endian) of all before follows
// it. A section that the reader does not know is refused by its name.
type Snapshot struct {
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
}

const (
	snapshotMagic   = "LOCKDFSM"
	snapshotVersion = 1
	maxRecordBytes  = 64 << 20 // a lease with a full queue of full metas is 5 MiB
)

// Snapshot returns the machine as it is now.
func (m *Machine) Snapshot() *Snapshot {
	return &Snapshot{
		cluster: m.cluster, revision: m.revision, now: m.now, wall: m.wall, longest: m.longest,
		quarantine: m.quarantine, nodes: m.nodes.Items(), leases: m.leases.Copy(), past: m.past.Copy(),
		history: m.history.copy(),
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
	out := &sectionWriter{w: bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)}
	out.bytes([]byte(snapshotMagic))
	out.bytes([]byte{snapshotVersion})

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
			e.trail(p.trail, true)
		})
		return out.err == nil
	})
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

// sectionWriter writes sections and records; the first error sticks.
type sectionWriter struct {
	w   *bufio.Writer
	enc encoder
	err error
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
	s.bytes(binary.AppendUvarint(nil, uint64(len(s.enc.buf))))
	s.bytes(s.enc.buf)
}

// Restore reads a machine from what Write wrote. It returns an error, and no
// machine, where a single byte is not as it was written.
func Restore(r io.Reader) (*Machine, error) {
	in := &sectionReader{r: bufio.NewReaderSize(r, 1<<16), sum: crc32.New(castagnoli())}
	head := make([]byte, len(snapshotMagic)+1)
	if err := in.full(head); err != nil {
		return nil, fmt.Errorf("%w: the snapshot is cut off", errCorrupt)
	}
	if string(head[:len(snapshotMagic)]) != snapshotMagic {
		return nil, fmt.Errorf("%w: not a snapshot", errCorrupt)
	}
	if v := head[len(snapshotMagic)]; v > snapshotVersion {
		return nil, fmt.Errorf("fsm: a snapshot of version %d: %w", v, ErrTooNew)
	}
	m := New()
	load := loader{m: m, events: make(map[uint64]*Event)}
	for {
		name, err := in.section(load.record)
		if err != nil {
			return nil, err
		}
		if name == "end" {
			break
		}
	}
	sum := in.sum.Sum32()
	var tail [crc32.Size]byte
	if err := in.full(tail[:]); err != nil || binary.LittleEndian.Uint32(tail[:]) != sum {
		return nil, fmt.Errorf("%w: the snapshot's checksum does not match", errCorrupt)
	}
	if _, err := in.r.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: bytes follow the snapshot", errCorrupt)
	}
	load.index()
	return m, nil
}

// sectionReader reads sections and records, and sums what it reads.
type sectionReader struct {
	r   *bufio.Reader
	sum hash.Hash32
	buf []byte
}

func (s *sectionReader) ReadByte() (byte, error) {
	b, err := s.r.ReadByte()
	if err == nil {
		s.sum.Write([]byte{b})
	}
	return b, err
}

func (s *sectionReader) full(b []byte) error {
	_, err := io.ReadFull(s.r, b)
	s.sum.Write(b)
	return err
}

// next reads one length and that many bytes, which the caller must not keep.
func (s *sectionReader) next(most uint64) (*decoder, error) {
	n, err := binary.ReadUvarint(s)
	if err != nil || n > most {
		return nil, fmt.Errorf("%w: the snapshot is cut off or damaged", errCorrupt)
	}
	// Grow with what is there, not with what a damaged length promises.
	s.buf = s.buf[:0]
	for uint64(len(s.buf)) < n {
		step := int(min(n-uint64(len(s.buf)), 1<<20))
		from := len(s.buf)
		s.buf = slices.Grow(s.buf, step)[:from+step]
		if err := s.full(s.buf[from:]); err != nil {
			return nil, fmt.Errorf("%w: the snapshot is cut off", errCorrupt)
		}
	}
	return &decoder{buf: s.buf}, nil
}

func (s *sectionReader) section(record func(section string, d *decoder)) (string, error) {
	d, err := s.next(64)
	if err != nil {
		return "", err
	}
	name := string(d.buf)
	records, err := binary.ReadUvarint(s)
	if err != nil {
		return "", fmt.Errorf("%w: the snapshot is cut off", errCorrupt)
	}
	if !slices.Contains([]string{"machine", "nodes", "history", "leases", "past", "end"}, name) {
		return "", fmt.Errorf("fsm: a snapshot with a section %q: %w", name, ErrTooNew)
	}
	for range records {
		d, err := s.next(maxRecordBytes)
		if err != nil {
			return "", err
		}
		record(name, d)
		if d.err == nil && len(d.buf) > 0 {
			d.fail("bytes follow a record of %s", name)
		}
		if d.err != nil {
			return "", d.err
		}
	}
	return name, nil
}

// loader fills a machine with a snapshot's records.
type loader struct {
	m      *Machine
	events map[uint64]*Event // so that trails share the history's events again
	first  uint64
}

func (l *loader) record(section string, d *decoder) {
	m := l.m
	switch section {
	case "machine":
		m.cluster = d.string(MaxNodeBytes)
		m.revision = d.uint()
		m.now = d.millis()
		m.wall = d.int64()
		m.longest = d.millis()
		m.quarantine = Quarantine{For: d.millis(), From: d.millis(), Seq: d.uint()}
		l.first = d.uint()
	case "nodes":
		m.nodes.Set(d.node())
	case "history":
		e := d.event(d.string(MaxStoredNameBytes))
		l.events[e.Revision] = e
		m.history.add(e)
	case "leases":
		lease := d.lease()
		if d.err == nil && !lease.active() {
			d.fail("lease %q is empty", lease.Name)
			return
		}
		l.share(lease.Trail)
		m.leases.Set(lease)
	case "past":
		p := pastName{name: d.string(MaxStoredNameBytes), freed: d.uint()}
		p.trail = d.trail(p.name)
		l.share(p.trail)
		m.past.Set(p)
		m.freed.Set(freedName{p.freed, p.name})
	}
}

func (l *loader) share(t *Trail) {
	for i, e := range t.Events {
		if known, ok := l.events[e.Revision]; ok {
			t.Events[i] = known
		}
	}
}

// index rebuilds what is derived.
func (l *loader) index() {
	l.m.history.dropped = max(l.m.history.dropped, l.first)
	l.m.leases.Scan(func(lease *Lease) bool {
		for _, h := range lease.Holds {
			l.m.remember(h.Session, lease.Name)
		}
		l.m.waiting += len(lease.Queue)
		for _, t := range lease.Queue {
			l.m.remember(t.Session, lease.Name)
		}
		return true
	})
}

// Hash returns a digest of the whole state, so that replicas can be compared:
// two machines that applied the same entries have the same hash.
func (m *Machine) Hash() string {
	h := sha256.New()
	if err := m.Snapshot().Write(h); err != nil {
		panic("fsm: a hash cannot fail: " + err.Error())
	}
	return hex.EncodeToString(h.Sum(nil))
}
