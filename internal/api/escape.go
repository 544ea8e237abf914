package api

import (
	"fmt"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// escapeHidden returns JSON in which each character that terminals and editors obey or do not show is written as \uXXXX:
// other controls than those that JSON escapes itself, format characters such as those that turn the direction of text,
// and the separators of lines and paragraphs. It means the same. Such characters stand only within strings.
func escapeHidden(b []byte) []byte {
	var out []byte // nil: nothing was escaped yet
	done := 0      // up to which b is in out
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
