package main

import (
	"fmt"
	"strings"
	"unicode"
)

// plainText escapes characters that control a terminal, because clients choose the texts in a
// node's response. JSON output does not need it: its encoder escapes control characters, and
// jsonText escapes the others.
func plainText(s string) string {
	if !strings.ContainsFunc(s, controls) && strings.ToValidUTF8(s, "") == s {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		if controls(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// controls reports whether a character controls the display of others: C0 and C1 controls, line and
// paragraph separators, and format characters, which include those that reverse the direction of
// text.
func controls(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// jsonText escapes these characters in encoded JSON. There they occur only in strings.
func jsonText(encoded []byte) []byte {
	var b strings.Builder
	for _, r := range string(encoded) {
		switch {
		case r == '\n' || r < ' ' || !controls(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return []byte(b.String())
}
