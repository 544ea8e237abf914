package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed is the error for bytes that no encoder wrote.
var ErrMalformed = errors.New("malformed")

// A Decoder reads what an Encoder wrote. It keeps the first error and returns zero values after it, so callers check
// once. It never allocates more than its input can fill.
type Decoder struct {
	Bytes   []byte
	Version uint64 // of Bytes
	Err     error
}

// Fail sets the error, if there is none yet, and ends the input.
func (d *Decoder) Fail(format string, args ...any) {
	if d.Err == nil {
		d.Err = fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
	d.Bytes = nil
}

// End returns the decoder's error, or an error if bytes follow the last value.
func (d *Decoder) End(what string) error {
	if d.Err == nil && len(d.Bytes) > 0 {
		d.Fail("%d bytes follow %s", len(d.Bytes), what)
	}
	return d.Err
}

// Since reports whether the bytes have a field that was added in a version.
func (d *Decoder) Since(version uint64) bool { return d.Version >= version }

// Uint reads a number.
func (d *Decoder) Uint() uint64 {
	n, size := binary.Uvarint(d.Bytes)
	if size <= 0 {
		d.Fail("a number is cut off or too long")
		return 0
	}
	d.Bytes = d.Bytes[size:]
	return n
}

// Int64 reads a number that may be negative.
func (d *Decoder) Int64() int64 {
	n, size := binary.Varint(d.Bytes)
	if size <= 0 {
		d.Fail("a number is cut off or too long")
		return 0
	}
	d.Bytes = d.Bytes[size:]
	return n
}

// Int reads a number that is small enough for an int.
func (d *Decoder) Int() int {
	n := d.Uint()
	if n > 1<<31 {
		d.Fail("%d is out of range", n)
		return 0
	}
	return int(n)
}

// ByteOf reads a number from 0 to most.
func (d *Decoder) ByteOf(most uint64) uint8 {
	n := d.Uint()
	if n > most {
		d.Fail("%d is not among 0 to %d", n, most)
		return 0
	}
	return uint8(n)
}

// Count reads the length of a list: at most most, and at most the number of remaining bytes.
func (d *Decoder) Count(most int) int {
	n := d.Uint()
	if n > uint64(most) || n > uint64(len(d.Bytes)) {
		d.Fail("a list of %d is too long", n)
		return 0
	}
	return int(n)
}

// String reads a string of at most most bytes.
func (d *Decoder) String(most int) string {
	n := d.Uint()
	if n > uint64(most) || n > uint64(len(d.Bytes)) {
		d.Fail("a string of %d bytes is too long", n)
		return ""
	}
	s := string(d.Bytes[:n])
	d.Bytes = d.Bytes[n:]
	return s
}

// Bool reads a truth value.
func (d *Decoder) Bool() bool { return d.ByteOf(1) == 1 }
