package console

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Plain escapes characters that control a terminal, because clients choose the texts in a
// node's response. JSON output does not need it: its encoder escapes control characters, and
// PlainJSON escapes the others.
func Plain(s string) string {
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

// PlainJSON escapes these characters in encoded JSON. There they occur only in strings.
func PlainJSON(encoded []byte) []byte {
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

// ErrorText returns the text of an error without the prefix of the client, because lockd starts its lines with the same.
func ErrorText(err error) string { return strings.TrimPrefix(err.Error(), "lockd: ") }

// ShortDuration formats a duration without zero parts, for example 24h for 24h0m0s.
func ShortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
