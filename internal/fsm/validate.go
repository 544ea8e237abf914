package fsm

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// validation collects what is wrong with a command's fields.
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

// name checks ^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$.
func (v *validation) name(field, s string) {
	ok := len(s) > 0 && len(s) <= MaxNameBytes && isAlphanumeric(s[0])
	for i := 0; ok && i < len(s); i++ {
		c := s[i]
		ok = isAlphanumeric(c) || c == '.' || c == '_' || c == ':' || c == '-'
	}
	if !ok {
		v.addf(field, "must be 1 to %d of A-Z a-z 0-9 . _ : - and begin with a letter or a digit", MaxNameBytes)
	}
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

func (v *validation) holder(field, s string) { v.text(field, s, MaxHolderBytes) }

// text checks a label for people: printable, not empty, bounded.
func (v *validation) text(field, s string, maxBytes int) {
	ok := len(s) > 0 && len(s) <= maxBytes && utf8.ValidString(s)
	for _, r := range s {
		ok = ok && unicode.IsPrint(r)
	}
	if !ok {
		v.addf(field, "must be 1 to %d bytes of printable UTF-8", maxBytes)
	}
}

// meta checks the size; that it is a JSON object is the wire's to say.
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
