package segments

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// leastBytes and mostBytes are the sizes of segments: each is twice as large as the one
	// before. Only an entry that does not fit gets a larger one.
	leastBytes = 256 << 10
	mostBytes  = 4 << 20
	// zeroBytes is how much of a new segment is written and synced at once: the syncs of the
	// log wait for little.
	zeroBytes = 256 << 10

	magic      = "lockdlog"
	format     = 1
	suffix     = ".log"
	unfinished = ".tmp"
)

// A segment is a file of the log. Its first headerBytes describe it.
type segment struct {
	*os.File
	number uint64 // of the segment
	size   int64  // in bytes
	salt   uint32 // of the checksums of its headers
	end    int64  // the place of the next record
	ended  bool   // its last record marks its end
}

func segmentName(number uint64) string { return fmt.Sprintf("%010d%s", number, suffix) }

// createSegment makes a file of zeros under a temporary name, syncs it, gives it its name, and
// opens it.
func createSegment(dir string, number uint64, size int64) (*segment, error) {
	path := filepath.Join(dir, segmentName(number))
	f, err := os.OpenFile(path+unfinished, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	s := &segment{File: f, number: number, size: size, salt: newSalt()}
	err = errors.Join(s.fill(), f.Close())
	if err == nil {
		err = os.Rename(path+unfinished, path)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return nil, errors.Join(err, remove(path+unfinished))
	}
	return openSegment(dir, number)
}

// fill writes the description, and zeros up to the end.
func (s *segment) fill() error {
	chunk := make([]byte, zeroBytes)
	s.describe(chunk)
	for at := int64(0); at < s.size; at += zeroBytes {
		if _, err := s.WriteAt(chunk[:min(zeroBytes, s.size-at)], at); err != nil {
			return err
		}
		if err := datasync(s.File); err != nil {
			return err
		}
		clear(chunk[:headerBytes])
	}
	return s.Sync()
}

// describe writes the segment's own header.
func (s *segment) describe(to []byte) {
	le := binary.LittleEndian
	copy(to[4:], magic)
	le.PutUint32(to[12:], format)
	le.PutUint64(to[16:], s.number)
	le.PutUint64(to[24:], uint64(s.size))
	le.PutUint32(to[32:], s.salt)
	le.PutUint32(to, crc32.Checksum(to[4:headerBytes], castagnoli))
}

// ErrTooNew means that a newer version of lockd wrote a segment.
var ErrTooNew = errors.New("a newer version of lockd wrote this: install that version")

// openSegment opens a file that createSegment made.
func openSegment(dir string, number uint64) (*segment, error) {
	path := filepath.Join(dir, segmentName(number))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s := &segment{File: f, number: number, end: headerBytes}
	if err := s.check(); err != nil {
		return nil, errors.Join(&DamageError{path, err}, f.Close())
	}
	return s, nil
}

// check reads the segment's own header.
func (s *segment) check() error {
	head := make([]byte, headerBytes)
	if _, err := s.ReadAt(head, 0); errors.Is(err, io.EOF) {
		return errors.New("it is too short")
	} else if err != nil {
		return err
	}
	le := binary.LittleEndian
	switch {
	case le.Uint32(head) != crc32.Checksum(head[4:], castagnoli) || string(head[4:12]) != magic:
		return errors.New("its header is not as it was written")
	case le.Uint32(head[12:]) > format:
		return ErrTooNew
	case le.Uint64(head[16:]) != s.number:
		return fmt.Errorf("it is segment %d", le.Uint64(head[16:]))
	}
	s.size, s.salt = int64(le.Uint64(head[24:])), le.Uint32(head[32:])
	info, err := s.Stat()
	if err == nil && info.Size() != s.size {
		err = fmt.Errorf("it has %d bytes, and had %d", info.Size(), s.size)
	}
	return err
}

// fits reports whether a record fits, and the mark of the segment's end after it.
func (s *segment) fits(size int64) bool { return s.end+size+headerBytes <= s.size }

// segmentSize returns the size of a segment after one of another size, for a record.
func segmentSize(before, record int64) int64 {
	return max(min(max(2*before, leastBytes), mostBytes), align(record)+3*headerBytes)
}

// list returns the numbers of the segments in a directory, in order. They must have no gap.
func list(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), suffix) {
			continue
		}
		var n uint64
		if _, err := fmt.Sscanf(entry.Name(), "%d", &n); err != nil || segmentName(n) != entry.Name() {
			return nil, &DamageError{filepath.Join(dir, entry.Name()), errors.New("its name is not that of a segment")}
		}
		if last := len(numbers) - 1; last >= 0 && n != numbers[last]+1 {
			return nil, &DamageError{filepath.Join(dir, segmentName(numbers[last]+1)), errors.New("it is missing")}
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

func newSalt() uint32 {
	var b [4]byte
	rand.Read(b[:])
	return binary.LittleEndian.Uint32(b[:])
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readAll reads the segment from a place on.
func (s *segment) readAll(from int64) ([]byte, error) {
	b := make([]byte, s.size-from)
	_, err := io.ReadFull(io.NewSectionReader(s, from, s.size-from), b)
	return b, err
}
