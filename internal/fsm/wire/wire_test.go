package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestValuesAreReadAsWritten(t *testing.T) {
	var e Encoder
	e.Uint(1 << 63)
	e.Int64(-7)
	e.String("lease")
	e.Bool(true)
	e.Bool(false)
	d := Decoder{Bytes: e.Bytes}
	if n, i, s, yes, no := d.Uint(), d.Int64(), d.String(5), d.Bool(), d.Bool(); n != 1<<63 || i != -7 || s != "lease" || !yes || no {
		t.Errorf("read as %d, %d, %q, %t, %t", n, i, s, yes, no)
	}
	if err := d.End("it"); err != nil {
		t.Error(err)
	}
}

func TestDecoderKeepsItsFirstErrorAndReturnsZeros(t *testing.T) {
	var e Encoder
	e.String("too long")
	e.Uint(9)
	d := Decoder{Bytes: e.Bytes}
	if s := d.String(7); s != "" || !errors.Is(d.Err, ErrMalformed) {
		t.Errorf("a string that is too long is read as %q, %v", s, d.Err)
	}
	first := d.Err
	if n := d.Uint(); n != 0 || !errors.Is(d.End("it"), first) {
		t.Errorf("after an error: %d, %v", n, d.Err)
	}
	for what, read := range map[string]func(*Decoder){
		"a byte out of range": func(d *Decoder) { d.ByteOf(8) },
		"a list too long":     func(d *Decoder) { d.Count(8) },
		"a list without end":  func(d *Decoder) { d.Count(100) },
		"a cut number":        func(d *Decoder) { d.Bytes = []byte{0x80}; d.Uint() },
		"a cut signed number": func(d *Decoder) { d.Bytes = []byte{0x80}; d.Int64() },
		"bytes that follow":   func(d *Decoder) { _ = d.End("nothing") },
	} {
		d := Decoder{Bytes: []byte{9}}
		if read(&d); !errors.Is(d.Err, ErrMalformed) {
			t.Errorf("%s: %v", what, d.Err)
		}
	}
}

func TestFileIsReadAsWrittenAndNoChangedByteIsAccepted(t *testing.T) {
	var file bytes.Buffer
	w := NewWriter(&file, "MAGIC", 3)
	w.Section("one", 2)
	w.Record([]byte("first"), nil)
	w.Record(nil, nil)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	read := func(b []byte) (string, error) {
		r, version, err := NewReader(bytes.NewReader(b), "MAGIC")
		if err != nil {
			return "", err
		}
		name, records, err := r.Section()
		if err != nil {
			return "", err
		}
		got := []string{string(rune('0' + version)), name}
		for range records {
			b, err := r.Record(100)
			if err != nil {
				return "", err
			}
			got = append(got, string(b))
		}
		return strings.Join(got, " "), r.Close()
	}
	if got, err := read(file.Bytes()); err != nil || got != "3 one first " {
		t.Errorf("read as %q, %v", got, err)
	}
	for at := range file.Len() {
		changed := bytes.Clone(file.Bytes())
		changed[at] ^= 1
		if got, err := read(changed); !errors.Is(err, ErrMalformed) {
			t.Errorf("byte %d was changed: read as %q, %v", at, got, err)
		}
		if got, err := read(file.Bytes()[:at]); !errors.Is(err, ErrMalformed) {
			t.Errorf("cut off at %d: read as %q, %v", at, got, err)
		}
	}
	if _, err := read(append(file.Bytes(), 0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("a byte follows: %v", err)
	}
}

func TestWriterReportsTheFirstError(t *testing.T) {
	want := errors.New("cannot be expressed")
	w := NewWriter(&bytes.Buffer{}, "MAGIC", 1)
	w.Section("one", 2)
	w.Record(nil, want)
	w.Record(nil, errors.New("another"))
	if err := w.Close(); !w.Failed() || !errors.Is(err, want) {
		t.Errorf("Close returns %v", err)
	}
}
