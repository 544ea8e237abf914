package segments

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/hashicorp/raft"
)

// Config are the settings of a Log.
type Config struct {
	Dir string // it is created by the first append
	// Least is the number of the newest segment that is known to have been used: without it
	// the log is damaged. 0: none is known.
	Least uint64
	// Begin is called with the number of a segment before its first record is written. It
	// must keep the number on disk, for Least.
	Begin func(segment uint64) error

	sync func(*os.File) error // nil: datasync. A test makes it fail.
}

// Log is a raft.LogStore. It is safe for concurrent use: Raft appends entries in one goroutine
// and removes the first ones in another.
type Log struct {
	cfg Config

	// writing is held by what changes the log, and guards the next three.
	writing sync.Mutex
	spare   *spare
	// unclean means that the rest of the newest segment has bytes of a write that was cut off.
	unclean bool
	buffer  []byte // of an append, used again
	began   uint64 // the newest segment whose number Begin has kept

	// syncing is held while the newest segment is synced, and guards failed: the system reports
	// a failed write to one sync only.
	syncing sync.Mutex
	failed  error

	// mu guards the rest, and keeps files open while they are read. To change what it guards,
	// writing is held too.
	mu       sync.RWMutex
	written  uint64 // the number of the newest record
	index    index
	segments []*segment // in order; the newest one is written to
	synced   uint64     // the number of the newest record that is on disk
}

// Open reads the log in a directory and changes nothing. A *DamageError names the file.
func Open(cfg Config) (*Log, error) {
	numbers, err := list(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if cfg.sync == nil {
		cfg.sync = datasync
	}
	l := &Log{cfg: cfg, spare: &spare{dir: cfg.Dir}, began: cfg.Least}
	for _, n := range numbers {
		s, err := openSegment(cfg.Dir, n)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		l.segments = append(l.segments, s)
	}
	r := &recovery{l: l, next: firstRecord(numbers)}
	if err := r.read(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if newest := l.newest(); cfg.Least > 0 && (newest == nil || newest.number < cfg.Least) {
		err := &DamageError{filepath.Join(cfg.Dir, segmentName(cfg.Least)), errors.New("it is missing, or a segment before it does not have its last record")}
		return nil, errors.Join(err, l.Close())
	}
	if err := l.settle(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	l.written = r.next - 1
	l.synced = l.written
	return l, nil
}

// settle syncs what was read: a process that was killed may have written it, and not synced it.
func (l *Log) settle() error {
	if len(l.segments) == 0 {
		return nil
	}
	for _, s := range l.segments {
		if err := l.cfg.sync(s.File); err != nil {
			return err
		}
	}
	return errors.Join(syncDir(l.cfg.Dir), syncDir(filepath.Dir(l.cfg.Dir)))
}

// firstRecord returns the number of the first record, or 0 if the segments before it were removed.
func firstRecord(segments []uint64) uint64 {
	if len(segments) > 0 && segments[0] > 1 {
		return 0
	}
	return 1
}

func (l *Log) newest() *segment {
	if len(l.segments) == 0 {
		return nil
	}
	return l.segments[len(l.segments)-1]
}

// IsMonotonic returns true: the entries have no gap, and Raft must leave none.
func (l *Log) IsMonotonic() bool { return true }

// FirstIndex returns the index of the oldest entry, or 0.
func (l *Log) FirstIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.index.places) == 0 {
		return 0, nil
	}
	return l.index.first, nil
}

// LastIndex returns the index of the newest entry, or 0.
func (l *Log) LastIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.index.last(), nil
}

// GetLog reads an entry. The error is raft.ErrLogNotFound if the log does not have it.
func (l *Log) GetLog(i uint64, to *raft.Log) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	p, ok := l.index.find(i)
	if !ok {
		return raft.ErrLogNotFound
	}
	s := l.segments[p.segment-l.segments[0].number]
	head := make([]byte, headerBytes)
	if _, err := s.ReadAt(head, p.at); err != nil {
		return err
	}
	var h header
	if !h.decode(head, s.salt) || h.kind != kindEntry || h.index != i || p.at+h.size() > s.size {
		return &DamageError{s.Name(), fmt.Errorf("the header of entry %d is not as it was written", i)}
	}
	body := make([]byte, h.bodySize())
	if _, err := s.ReadAt(body, p.at+headerBytes); err != nil {
		return err
	}
	entry, ok := h.entry(body)
	if !ok {
		return &DamageError{s.Name(), fmt.Errorf("the checksum of entry %d does not match", i)}
	}
	*to = entry
	return nil
}

// StoreLog appends an entry and syncs it.
func (l *Log) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

// StoreLogs appends entries and syncs them.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	if err := l.Append(entries); err != nil {
		return err
	}
	return l.Sync()
}

// Append appends entries. They are on disk once a Sync that begins later has returned.
func (l *Log) Append(entries []*raft.Log) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	for from := 0; from < len(entries); {
		if err := l.room(recordSize(entries[from])); err != nil {
			return err
		}
		n, err := l.fill(entries[from:])
		if err != nil {
			return err
		}
		from += n
	}
	return nil
}

// fill writes as many of the entries as fit into the newest segment, and returns how many.
func (l *Log) fill(entries []*raft.Log) (n int, err error) {
	s := l.newest()
	at, last := s.end, l.index.last()
	buffer := l.buffer[:0]
	var places []place
	for _, entry := range entries {
		if at+recordSize(entry)+headerBytes > s.size {
			break
		}
		if entry.Index == 0 || last != 0 && entry.Index != last+1 {
			return 0, fmt.Errorf("entry %d cannot follow entry %d", entry.Index, last)
		}
		h := entryHeader(entry)
		h.number = l.written + uint64(len(places)) + 1
		buffer = l.put(buffer, &h, entry.Data, entry.Extensions)
		places = append(places, place{s.number, at})
		at, last = at+h.size(), entry.Index
	}
	if _, err := s.WriteAt(buffer, s.end); err != nil {
		return 0, err
	}
	l.keep(buffer)
	l.mu.Lock()
	defer l.mu.Unlock()
	s.end = at
	l.written += uint64(len(places))
	for i, p := range places {
		l.index.add(entries[i].Index, p)
	}
	return len(places), nil
}

// put appends a record to a buffer.
func (l *Log) put(buffer []byte, h *header, data, extensions []byte) []byte {
	h.synced = l.onDisk()
	from := len(buffer)
	buffer = append(buffer, make([]byte, headerBytes)...)
	h.encode(buffer[from:], l.newest().salt)
	buffer = append(append(buffer, data...), extensions...)
	for len(buffer)-from < int(h.size()) {
		buffer = append(buffer, filler)
	}
	return buffer
}

// keep keeps the buffer for the next append, unless it is large.
func (l *Log) keep(buffer []byte) {
	if cap(buffer) <= zeroBytes {
		l.buffer = buffer
	}
}

func (l *Log) onDisk() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.synced
}

// mark writes a record that has no body, and syncs it.
func (l *Log) mark(kind byte, i uint64) error {
	s := l.newest()
	h := header{kind: kind, index: i, number: l.written + 1}
	if _, err := s.WriteAt(l.put(l.buffer[:0], &h, nil, nil), s.end); err != nil {
		return err
	}
	l.mu.Lock()
	s.end += headerBytes
	l.written++
	l.mu.Unlock()
	return l.Sync()
}

// Sync returns when everything that was appended before the call is on disk.
func (l *Log) Sync() error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.RLock()
	s, number, synced := l.newest(), l.written, l.synced
	l.mu.RUnlock()
	if l.failed != nil || number <= synced {
		return l.failed
	}
	// The segments before the newest were synced when they ended.
	if l.failed = l.cfg.sync(s.File); l.failed != nil {
		return l.failed
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.synced = number
	return nil
}

// DeleteRange removes entries from the beginning or from the end of the log.
func (l *Log) DeleteRange(from, to uint64) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	first, last := l.index.first, l.index.last()
	to = min(to, last)
	switch {
	case last == 0 || to < first || from > last:
		return nil
	case from > first && to < last:
		return fmt.Errorf("entries %d to %d are in the middle of the log, which begins at %d and ends at %d", from, to, first, last)
	}
	if err := l.room(headerBytes); err != nil {
		return err
	}
	if from <= first { // a snapshot has them
		if err := l.mark(kindDrop, to+1); err != nil {
			return err
		}
		return l.dropped(to + 1)
	}
	if err := l.mark(kindCut, from-1); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.index.cut(from - 1)
	return nil
}

// dropped removes the entries before i, and the segments that have no other.
func (l *Log) dropped(i uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.index.drop(i)
	oldest := l.newest().number
	if len(l.index.places) > 0 {
		oldest = l.index.places[0].segment
	}
	for l.segments[0].number < oldest {
		s := l.segments[0]
		if err := errors.Join(s.Close(), os.Remove(s.Name()), syncDir(l.cfg.Dir)); err != nil {
			return err
		}
		l.segments = l.segments[1:]
	}
	return nil
}

// Close closes the files.
func (l *Log) Close() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	err := l.spare.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segments {
		err = errors.Join(err, s.Close())
	}
	return err
}
