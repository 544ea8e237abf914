package segments

import (
	"errors"
	"fmt"
)

// A DamageError is a file of the log whose content is not as it was written.
type DamageError struct {
	Path string
	Err  error
}

func (e *DamageError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *DamageError) Unwrap() error { return e.Err }

// recovery reads the segments of a log from the beginning. It ends at the first record that
// is not there as a whole, and decides what that means:
//
//   - If a later record states that this one was on disk, the file is damaged.
//   - If the record's header is zeros, or a sector of its body is, the write of the record did
//     not reach the disk: nothing that waited for it was answered. The log ends before it.
//   - Otherwise every sector was written, and one has changed since: the file is damaged.
//
// The second rule is that of etcd's log. It trusts a disk to write a sector of 512 bytes as a
// whole. A disk that loses whole sectors of the newest write looks like a power cut.
type recovery struct {
	l    *Log
	next uint64 // the number that the next record has
}

// read reads all segments, and leaves the log ready to be appended to.
func (r *recovery) read() error {
	for i := 0; i < len(r.l.segments); i++ {
		ended, err := r.segment(r.l.segments[i])
		if err != nil {
			return err
		}
		if !ended {
			return r.unused(i + 1)
		}
	}
	return nil // the newest segment is full
}

// segment reads the records of a segment. It returns true if the next one continues the log.
func (r *recovery) segment(s *segment) (ended bool, err error) {
	raw, err := s.readAll(0)
	if err != nil {
		return false, err
	}
	for s.end+headerBytes <= s.size {
		var h header
		if !h.decode(raw[s.end:], s.salt) || r.next != 0 && h.number != r.next {
			return false, r.tail(s, raw, nil)
		}
		if r.next == 0 { // the segments before this one were removed
			r.next = h.number
		}
		if s.end+h.size() > s.size {
			return false, r.damaged(s, s.end, errors.New("a record reaches past the end"))
		}
		if !h.whole(raw[s.end:]) {
			return false, r.tail(s, raw, &h)
		}
		if err := r.apply(s, &h); err != nil {
			return false, r.damaged(s, s.end, err)
		}
		s.end += h.size()
		r.next++
		if h.kind == kindEnd {
			s.ended = true
			return true, nil
		}
	}
	return false, nil
}

// apply changes the index as the record did when it was written.
func (r *recovery) apply(s *segment, h *header) error {
	x := &r.l.index
	switch h.kind {
	case kindEntry:
		if !x.follows(h.index) {
			return fmt.Errorf("entry %d is after entry %d", h.index, x.last())
		}
		x.add(h.index, place{s.number, s.end})
	case kindCut:
		x.cut(h.index)
	case kindDrop:
		x.drop(h.index)
	}
	return nil
}

// tail decides what it means that the record at the end of a segment is not whole. h is its
// header, or nil if that is not whole either.
func (r *recovery) tail(s *segment, raw []byte, h *header) error {
	if r.next == 0 { // the segments before were removed only after this one had a record on disk
		return r.damaged(s, s.end, errors.New("its first record is not as it was written"))
	}
	rest := raw[s.end:]
	for at := int64(0); at+headerBytes <= int64(len(rest)); at += headerBytes {
		var later header
		if later.decode(rest[at:], s.salt) && later.synced >= r.next {
			return r.damaged(s, s.end, fmt.Errorf("record %d is not as it was written, and record %d states that it was on disk", r.next, later.number))
		}
	}
	switch {
	case h != nil && !torn(rest[:h.size()], s.end):
		return r.damaged(s, s.end, fmt.Errorf("the checksum of entry %d does not match", h.index))
	case h == nil && !zero(rest[:min(headerBytes, len(rest))]):
		return r.damaged(s, s.end, errors.New("a record's header is not as it was written"))
	}
	r.l.unclean = !zero(rest)
	return nil
}

// torn reports whether a sector of a record was never written. The first one has the header.
func torn(record []byte, at int64) bool {
	for from := sectorBytes - at%sectorBytes; from < int64(len(record)); from += sectorBytes {
		if zero(record[from:min(from+sectorBytes, int64(len(record)))]) {
			return true
		}
	}
	return false
}

// unused removes the segments from i on from the log: no record continues there.
func (r *recovery) unused(i int) error {
	for _, s := range r.l.segments[i:] {
		raw, err := s.readAll(headerBytes)
		if err != nil {
			return err
		}
		if !zero(raw) {
			return r.damaged(s, headerBytes, errors.New("it has records, and the segment before it has not ended"))
		}
	}
	var errs []error
	for _, s := range r.l.segments[i:] {
		errs = append(errs, s.Close())
	}
	r.l.segments = r.l.segments[:i]
	return errors.Join(errs...)
}

func (r *recovery) damaged(s *segment, at int64, err error) error {
	return &DamageError{s.Name(), fmt.Errorf("at byte %d: %w", at, err)}
}

// zero reports whether all bytes are zero.
func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
