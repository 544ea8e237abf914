package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"slices"
)

// A Writer writes a file of sections: a magic string and a version, then the sections. A section is its name, the
// number of its records, and each record after its length. A CRC-32C (4 bytes, little-endian) of all that precedes is
// the end. A Writer keeps its first error.
type Writer struct {
	to  io.Writer
	sum hash.Hash32
	w   *bufio.Writer
	err error
}

// NewWriter returns a writer that has written the magic string and the version.
func NewWriter(to io.Writer, magic string, version uint64) *Writer {
	w := &Writer{to: to, sum: crc32.New(castagnoli())}
	w.w = bufio.NewWriterSize(io.MultiWriter(to, w.sum), 1<<16)
	w.write([]byte(magic))
	w.write([]byte{byte(version)})
	return w
}

func (w *Writer) write(b []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
	}
}

// Section begins a section of a number of records.
func (w *Writer) Section(name string, records int) {
	var e Encoder
	e.String(name)
	e.Uint(uint64(records))
	w.write(e.Bytes)
}

// Record writes a record of the section. An error of its encoder is the error of the writer.
func (w *Writer) Record(b []byte, err error) {
	if w.err == nil {
		w.err = err
	}
	w.write(binary.AppendUvarint(nil, uint64(len(b))))
	w.write(b)
}

// Failed reports whether the writer has an error: what is written after it is lost.
func (w *Writer) Failed() bool { return w.err != nil }

// Close writes the checksum, and returns the writer's error.
func (w *Writer) Close() error {
	if w.err == nil {
		w.err = w.w.Flush()
	}
	if w.err == nil {
		_, w.err = w.to.Write(binary.LittleEndian.AppendUint32(nil, w.sum.Sum32()))
	}
	return w.err
}

// A Reader reads what a Writer wrote, and computes the checksum.
type Reader struct {
	r   *bufio.Reader
	sum hash.Hash32
	buf []byte
}

// NewReader returns a reader, and the version that follows the magic string.
func NewReader(from io.Reader, magic string) (*Reader, uint64, error) {
	r := &Reader{r: bufio.NewReaderSize(from, 1<<16), sum: crc32.New(castagnoli())}
	head := make([]byte, len(magic)+1)
	if err := r.full(head); err != nil {
		return nil, 0, errCutOff()
	}
	if string(head[:len(magic)]) != magic {
		return nil, 0, fmt.Errorf("%w: it does not begin with %s", ErrMalformed, magic)
	}
	return r, uint64(head[len(magic)]), nil
}

func errCutOff() error { return fmt.Errorf("%w: it is cut off or damaged", ErrMalformed) }

// ReadByte reads one byte.
func (r *Reader) ReadByte() (byte, error) {
	b, err := r.r.ReadByte()
	if err == nil {
		r.sum.Write([]byte{b})
	}
	return b, err
}

func (r *Reader) full(b []byte) error {
	_, err := io.ReadFull(r.r, b)
	r.sum.Write(b)
	return err
}

// Section reads the name of the next section, of at most 64 bytes, and the number of its records.
func (r *Reader) Section() (name string, records uint64, err error) {
	b, err := r.Record(64)
	if err != nil {
		return "", 0, err
	}
	name = string(b)
	if records, err = binary.ReadUvarint(r); err != nil {
		return "", 0, errCutOff()
	}
	return name, records, nil
}

// Record reads a record of at most so many bytes, which the caller must not keep.
func (r *Reader) Record(most uint64) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil || n > most {
		return nil, errCutOff()
	}
	// Grow with the bytes that exist: a damaged length may be huge.
	r.buf = r.buf[:0]
	for uint64(len(r.buf)) < n {
		step := int(min(n-uint64(len(r.buf)), 1<<20))
		from := len(r.buf)
		r.buf = slices.Grow(r.buf, step)[:from+step]
		if err := r.full(r.buf[from:]); err != nil {
			return nil, errCutOff()
		}
	}
	return r.buf, nil
}

// Close reads the checksum, and returns an error if it does not match or bytes follow it.
func (r *Reader) Close() error {
	sum := r.sum.Sum32()
	var tail [crc32.Size]byte
	if err := r.full(tail[:]); err != nil || binary.LittleEndian.Uint32(tail[:]) != sum {
		return fmt.Errorf("%w: the checksum does not match", ErrMalformed)
	}
	if _, err := r.r.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: bytes follow the end", ErrMalformed)
	}
	return nil
}
