package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/lockd/lockd/internal/fsm"
)

// maxFieldErrors bounds the field errors of one 400, and so the cost of a malicious body.
const maxFieldErrors = 16

// members are the names of an object's members.
type members struct {
	required, optional []string
	inPath             bool // the lease's name is in the path
}

func (m members) unknown(name string) string {
	if m.inPath && slices.Contains([]string{"name", "lease", "key", "id", "lock", "names"}, plain(name)) {
		return "is unknown: the name of the lease is in the path"
	}
	return unknown(name, slices.Concat(m.required, m.optional))
}

// decoder reads a body that is well-formed JSON, and collects the errors in its content. encoding/json is not strict
// enough: it accepts duplicate names, names in another case, lone surrogates, and null.
type decoder struct {
	data    []byte
	at      int // index in data of the next token, never of white space
	depth   int
	wrong   fsm.Invalid
	stopped bool // decoding has ended early; at is not valid any more
}

// decode passes each member of the body's object to known, and returns the errors of the body, or nil.
func decode(body []byte, m members, known func(d *decoder, field string) bool) fsm.Invalid {
	if reason := malformed(body); reason != "" {
		return fsm.Invalid{{Field: "body", Reason: reason}}
	}
	d := decoder{data: body}
	d.space()
	d.object("body", "", m, func(field string) bool { return known(&d, field) })
	return d.wrong
}

func tooDeep() string { return fmt.Sprintf("must have at most %d levels of nesting", MaxBodyDepth) }

// parserTooDeep is the end of encoding/json's error message for a body that is nested too deep for it. The error has no
// other mark.
const parserTooDeep = "exceeded max depth"

// malformed returns why a body is not one JSON value, or "".
func malformed(body []byte) string {
	switch {
	case len(body) == 0:
		return "must be a JSON object; it is empty"
	case !utf8.Valid(body):
		return "must be UTF-8"
	case json.Valid(body):
		return ""
	}
	var value json.RawMessage
	if e, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(body, &value)); ok {
		if strings.HasSuffix(e.Error(), parserTooDeep) {
			return tooDeep()
		}
		return fmt.Sprintf("must be one JSON object: %s (at byte %d)", e.Error(), e.Offset)
	}
	return "must be one JSON object"
}

// object reads an object. field is its name in errors, and prefix is the prefix of its members' names.
func (d *decoder) object(field, prefix string, m members, known func(name string) bool) {
	if d.data[d.at] != '{' {
		d.fieldError(field, "must be an object")
		d.skip(field)
		return
	}
	var few [12]string
	seen := few[:0]
	for d.enter(); d.more('}'); d.comma() {
		name := d.name(field)
		value := d.at
		if slices.Contains(seen, name) {
			d.fieldError(prefix+name, "must not appear twice")
		} else if !known(name) {
			d.fieldError(prefix+name, m.unknown(name))
		}
		seen = append(seen, name)
		if d.at == value {
			d.skip(prefix + name)
		}
	}
	d.leave()
	for _, name := range m.required {
		if !d.stopped && !slices.Contains(seen, name) {
			d.fieldError(prefix+name, "is required")
		}
	}
}

// list reads an array. It calls element for each element with its name and the prefix of its members' names.
func (d *decoder) list(field string, least, most int, element func(field, prefix string)) {
	if d.data[d.at] != '[' {
		d.fieldError(field, "must be an array")
		return
	}
	n := 0
	for d.enter(); d.more(']'); d.comma() {
		if n < most {
			name, value := field+"["+strconv.Itoa(n)+"]", d.at
			if element(name, name+"."); d.at == value {
				d.skip(field) // it has the wrong type
			}
		} else {
			d.skip(field)
		}
		n++
	}
	d.leave()
	if n < least || n > most {
		d.fieldError(field, fmt.Sprintf("must have from %d to %d elements", least, most))
	}
}

// text reads a string.
func (d *decoder) text(field string) string {
	if d.data[d.at] != '"' {
		d.fieldError(field, "must be a string")
		return ""
	}
	return d.string(field)
}

// visible reads a string of visible ASCII characters, such as an address or a node's id.
func (d *decoder) visible(field string, most int) string {
	before := len(d.wrong)
	s := d.text(field)
	hidden := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(d.wrong) == before && (s == "" || len(s) > most || strings.ContainsFunc(s, hidden)) {
		d.fieldError(field, fmt.Sprintf("must be 1 to %d visible characters of ASCII", most))
	}
	return s
}

// hostPort and webAddress are also in openapi.yaml.
var (
	hostPort   = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\]):[0-9]{1,5}$`)
	webAddress = regexp.MustCompile(`^(https?://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\]):[0-9]{1,5}$`)
)

// address reads a node's address.
func (d *decoder) address(field string, form *regexp.Regexp) string {
	before := len(d.wrong)
	s := d.visible(field, fsm.MaxAddressBytes)
	if len(d.wrong) == before && !form.MatchString(s) {
		d.fieldError(field, "must be HOST:PORT")
	}
	return s
}

// session reads a session. The member is optional, so an empty one is an error.
func (d *decoder) session(field string) string {
	session := d.text(field)
	if session == "" {
		d.fieldError(field, "must not be empty; omit it to get a new one")
	}
	return session
}

// integer reads an integer within bounds. 15.0 is also an integer, as in JSON Schema: some languages write integers
// like this.
func (d *decoder) integer(field string, least, most int64) int64 {
	if b := d.data[d.at]; b != '-' && (b < '0' || b > '9') {
		d.fieldError(field, "must be an integer")
		return 0
	}
	digits := d.literal()
	if whole, fraction, ok := strings.Cut(digits, "."); ok && strings.Trim(fraction, "0") == "" {
		digits = whole
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if errors.Is(err, strconv.ErrSyntax) {
		d.fieldError(field, "must be an integer, without fraction or exponent")
	} else if err != nil || n < least || n > most {
		d.fieldError(field, fmt.Sprintf("must be from %d to %d", least, most))
	}
	return n
}

// bool reads true or false.
func (d *decoder) bool(field string) bool {
	if b := d.data[d.at]; b != 't' && b != 'f' {
		d.fieldError(field, "must be true or false")
		return false
	}
	return d.literal() == "true"
}

func (d *decoder) millis(field string, least, most fsm.Millis) fsm.Millis {
	return fsm.Millis(d.integer(field, int64(least), int64(most)))
}

func (d *decoder) token(field string) uint64 {
	return uint64(d.integer(field, 1, fsm.MaxSafeInteger)) //nolint:gosec // at least 1
}

// raw reads any object, and returns its JSON without white space.
func (d *decoder) raw(field string) string {
	if d.data[d.at] != '{' {
		d.fieldError(field, "must be an object")
		return ""
	}
	start := d.at
	d.skip(field)
	var b bytes.Buffer
	if d.stopped || json.Compact(&b, d.data[start:d.at]) != nil {
		return ""
	}
	return b.String()
}

// skip skips a value of any type. It refuses duplicate names and lone surrogates, which JSON parsers handle
// differently.
func (d *decoder) skip(field string) {
	switch d.data[d.at] {
	case '"':
		d.string(field)
	case '[':
		for d.enter(); d.more(']'); d.comma() {
			d.skip(field)
		}
		d.leave()
	case '{':
		seen := make(map[string]bool)
		for d.enter(); d.more('}'); d.comma() {
			name := d.name(field)
			if seen[name] {
				d.fieldError(field, fmt.Sprintf("must not have the member %q twice", name))
			}
			seen[name] = true
			d.skip(field)
		}
		d.leave()
	default:
		d.literal()
	}
}

// literal reads a number, true, false or null.
func (d *decoder) literal() string {
	start := d.at
	for d.at < len(d.data) {
		switch d.data[d.at] {
		case ' ', '\t', '\r', '\n', ',', ']', '}':
			s := string(d.data[start:d.at])
			d.space()
			return s
		}
		d.at++
	}
	return string(d.data[start:])
}

// string reads a string. Strings without escapes are copied without json.Unmarshal, because most have none.
func (d *decoder) string(field string) string {
	start := d.at
	escaped := false
	for d.at++; d.data[d.at] != '"'; d.at++ {
		if d.data[d.at] == '\\' {
			escaped = true
			d.at++
		}
	}
	d.at++
	quoted := d.data[start:d.at]
	d.space()
	if !escaped {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil || hasLoneSurrogate(quoted) {
		d.fieldError(field, "must be Unicode: it has half of a surrogate pair")
	}
	return s
}

// hasLoneSurrogate reports whether a string has half of a surrogate pair. encoding/json replaces it without an error,
// so that two different strings would become equal.
func hasLoneSurrogate(quoted []byte) bool {
	escape := func(i int) rune { // returns the rune of the \uXXXX at i, or -1
		if i+6 > len(quoted) || quoted[i] != '\\' || quoted[i+1] != 'u' {
			return -1
		}
		n, _ := strconv.ParseUint(string(quoted[i+2:i+6]), 16, 16)
		return rune(n)
	}
	for i := 0; i < len(quoted); i++ {
		if quoted[i] != '\\' {
			continue
		}
		if r := escape(i); utf16.IsSurrogate(r) {
			if utf16.DecodeRune(r, escape(i+6)) == utf8.RuneError {
				return true
			}
			i += 10
		}
		i++
	}
	return false
}

// name reads a member's name and the colon after it.
func (d *decoder) name(field string) string {
	name := d.string(field)
	d.at++
	d.space()
	return name
}

// enter, more, comma and leave read the elements between brackets.
func (d *decoder) enter() {
	if d.depth++; d.depth > MaxBodyDepth {
		d.fieldError("body", tooDeep())
		d.stopped = true
	}
	d.at++
	d.space()
}

func (d *decoder) more(end byte) bool { return !d.stopped && d.data[d.at] != end }

func (d *decoder) comma() {
	if !d.stopped && d.data[d.at] == ',' {
		d.at++
		d.space()
	}
}

func (d *decoder) leave() {
	if d.stopped {
		return
	}
	d.depth--
	d.at++
	d.space()
}

func (d *decoder) space() {
	for d.at < len(d.data) {
		switch d.data[d.at] {
		case ' ', '\t', '\r', '\n':
			d.at++
		default:
			return
		}
	}
}

func (d *decoder) fieldError(field, reason string) {
	d.wrong = append(d.wrong, fsm.FieldError{Field: field, Reason: reason})
	d.stopped = d.stopped || len(d.wrong) >= maxFieldErrors
}
