package fsm

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lockd/lockd/internal/fsm/lease"
)

// validation collects the errors of a command's fields.
type validation struct{ invalid Invalid }

func (v *validation) err() error {
	if len(v.invalid) == 0 {
		return nil
	}
	return v.invalid
}

func (v *validation) addf(field, format string, args ...any) {
	v.invalid = append(v.invalid, FieldError{Field: field, Reason: fmt.Sprintf(format, args...)})
}

func indexed(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// name checks that s has 1 to MaxNameBytes and consists of segments separated by "/", each
// of the form [A-Za-z0-9][A-Za-z0-9._:-]*. No segment is empty, "." or "..", which clients
// and proxies would remove from a URL.
func (v *validation) name(field, s string) {
	switch {
	case s == "":
		v.addf(field, "is required")
	case !ValidName(s):
		v.addf(field, "must be %s", NameRule)
	}
}

func isPath(s string) bool {
	begins := true // of a segment
	for i := range len(s) {
		c := s[i]
		switch {
		case isAlphanumeric(c):
		case begins || c != '.' && c != '_' && c != ':' && c != '-' && c != '/':
			return false
		}
		begins = c == '/'
	}
	return !begins
}

func (v *validation) session(field, s string) {
	ok := len(s) >= MinSessionBytes && len(s) <= MaxSessionBytes
	for i := 0; ok && i < len(s); i++ {
		c := s[i]
		ok = isAlphanumeric(c) || c == '.' || c == '_' || c == '-'
	}
	if !ok {
		v.addf(field, "must be %d to %d of A-Z a-z 0-9 . _ -", MinSessionBytes, MaxSessionBytes)
	}
}

// attempt checks Acquire.Attempt, which may be empty.
func (v *validation) attempt(field, s string) {
	hidden := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(s) > MaxAttemptBytes || strings.ContainsFunc(s, hidden) {
		v.addf(field, "must be 1 to %d visible characters of ASCII", MaxAttemptBytes)
	}
}

func (v *validation) holder(field, s string) { v.printable(field, s, MaxHolderChars) }

// printable checks that s is printable and has 1 to most characters, counted as JSON Schema
// does.
func (v *validation) printable(field, s string, most int) {
	switch {
	case s == "":
		v.addf(field, "is required")
	case utf8.RuneCountInString(s) > most || !lease.Printable(s):
		v.addf(field, "must be 1 to %d printable characters", most)
	}
}

// text checks that s is printable and has 1 to maxBytes.
func (v *validation) text(field, s string, maxBytes int) {
	if len(s) < 1 || len(s) > maxBytes || !lease.Printable(s) {
		v.addf(field, "must be 1 to %d bytes of printable UTF-8", maxBytes)
	}
}

// meta checks the size. The HTTP API checks that it is a JSON object.
func (v *validation) meta(field, s string) {
	if len(s) > MaxMetaBytes {
		v.addf(field, "must be a JSON object of at most %d bytes", MaxMetaBytes)
	}
}

func (v *validation) between(field string, n, least, most int64) {
	if n < least || n > most {
		v.addf(field, "must be from %d to %d", least, most)
	}
}

func (v *validation) token(field string, token uint64, optional bool) {
	if token > MaxSafeInteger || token == 0 && !optional {
		v.addf(field, "must be a token: from 1 to %d", MaxSafeInteger)
	}
}

// InvalidHolder returns why a holder name is invalid, or "".
func InvalidHolder(name string) string {
	var v validation
	if v.holder("", name); len(v.invalid) > 0 {
		return v.invalid[0].Reason
	}
	return ""
}
