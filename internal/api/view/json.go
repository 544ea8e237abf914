package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Marshal returns JSON that ends with a newline. It is escaped for terminals, not for HTML.
//
// The meta of a hold is JSON already. encoding/json would check and copy it byte by byte, which takes longer than all
// else of a large one, so Marshal inserts it into the result.
func Marshal(body any) []byte {
	h, ok := body.(*Hold)
	if !ok || len(h.Meta) == 0 {
		return marshal(body)
	}
	short := *h
	short.Meta = json.RawMessage("{}")
	before, after, _ := bytes.Cut(marshal(&short), emptyMeta) // it is no part of a string, whose quotes are escaped
	return slices.Concat(before, emptyMeta[:len(emptyMeta)-2], escapeHidden(h.Meta), after)
}

var emptyMeta = []byte(`"meta":{}`)

func marshal(body any) []byte {
	e := encoders.Get().(*encoder)
	defer e.release()
	if err := e.json.Encode(body); err != nil {
		panic("view: encode answer: " + err.Error())
	}
	return bytes.Clone(escapeHidden(e.buffer.Bytes()))
}

// encoder encodes one body after another.
type encoder struct {
	buffer bytes.Buffer
	json   *json.Encoder
}

var encoders = sync.Pool{New: func() any {
	e := &encoder{}
	e.json = json.NewEncoder(&e.buffer)
	e.json.SetEscapeHTML(false)
	return e
}}

// maxKept bounds the buffer of an encoder that is kept.
const maxKept = 64 << 10

func (e *encoder) release() {
	if e.buffer.Cap() <= maxKept {
		e.buffer.Reset()
		encoders.Put(e)
	}
}

// escapeHidden escapes as \uXXXX the characters that terminals and editors interpret or do not display: control
// characters that JSON does not escape, format characters such as those that change the direction of text, and line and
// paragraph separators. The result is equivalent JSON, because such characters occur only in strings.
func escapeHidden(b []byte) []byte {
	var out []byte // nil until a character is escaped
	done := 0      // the bytes of b before done are in out
	for i := 0; i < len(b); {
		if c := b[i]; c < utf8.RuneSelf && c != 0x7f {
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if isHidden(r) {
			if out == nil {
				out = make([]byte, 0, len(b)+64)
			}
			out = appendEscaped(append(out, b[done:i]...), r)
			done = i + size
		}
		i += size
	}
	if out == nil {
		return b
	}
	return append(out, b[done:]...)
}

func isHidden(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

func appendEscaped(b []byte, r rune) []byte {
	if r < 0x10000 {
		return fmt.Appendf(b, `\u%04x`, r)
	}
	high, low := utf16.EncodeRune(r)
	return fmt.Appendf(b, `\u%04x\u%04x`, high, low)
}
