package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Marshal returns JSON that ends with a newline. It is escaped for terminals, not for HTML.
func Marshal(body any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		panic("view: encode answer: " + err.Error())
	}
	return escapeHidden(b.Bytes())
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
