package form

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/lockd/lockd/internal/fsm"
)

const (
	// MaxDepth bounds how deep the objects and arrays of a body nest.
	MaxDepth = 8
	// MaxErrors bounds the field errors of one body, and so the cost of a malicious one.
	MaxErrors = 16
)

// Members are the names of an object's members.
type Members struct {
	Required, Optional []string
	InPath             bool // the lease's name is in the path
}

func (m Members) unknown(name string) string {
	if m.InPath && slices.Contains([]string{"name", "lease", "key", "id", "lock", "names"}, plain(name)) {
		return "is unknown: the name of the lease is in the path"
	}
	return Unknown(name, slices.Concat(m.Required, m.Optional))
}

// A Decoder reads a body that is well-formed JSON, and collects the errors in its content. encoding/json is not strict
// enough: it accepts duplicate names, names in another case, lone surrogates, and null.
type Decoder struct {
	data    []byte
	at      int // index in data of the next token, never of white space
	depth   int
	wrong   fsm.Invalid
	stopped bool // decoding has ended early; at is not valid any more
}

// Decode passes each member of the body's object to known, and returns the errors of the body, or nil.
func Decode(body []byte, m Members, known func(d *Decoder, field string) bool) fsm.Invalid {
	if reason := malformed(body); reason != "" {
		return fsm.Invalid{{Field: "body", Reason: reason}}
	}
	d := Decoder{data: body}
	d.space()
	d.Object("body", "", m, func(field string) bool { return known(&d, field) })
	return d.wrong
}

func tooDeep() string { return fmt.Sprintf("must have at most %d levels of nesting", MaxDepth) }

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
	case wellFormed(body), json.Valid(body):
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

// Object reads an object. field is its name in errors, and prefix is the prefix of its members' names.
func (d *Decoder) Object(field, prefix string, m Members, known func(name string) bool) {
	if d.data[d.at] != '{' {
		d.Wrong(field, "must be an object")
		d.skip(field)
		return
	}
	var few [12]string
	seen := few[:0]
	for d.enter(); d.more('}'); d.comma() {
		name := d.name(field)
		value := d.at
		if slices.Contains(seen, name) {
			d.Wrong(prefix+name, "must not appear twice")
		} else if !known(name) {
			d.Wrong(prefix+name, m.unknown(name))
		}
		seen = append(seen, name)
		if d.at == value {
			d.skip(prefix + name)
		}
	}
	d.leave()
	for _, name := range m.Required {
		if !d.stopped && !slices.Contains(seen, name) {
			d.Wrong(prefix+name, "is required")
		}
	}
}

// List reads an array. It calls element for each element with its name and the prefix of its members' names.
func (d *Decoder) List(field string, least, most int, element func(field, prefix string)) {
	if d.data[d.at] != '[' {
		d.Wrong(field, "must be an array")
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
		d.Wrong(field, fmt.Sprintf("must have from %d to %d elements", least, most))
	}
}

// Text reads a string.
func (d *Decoder) Text(field string) string {
	if d.data[d.at] != '"' {
		d.Wrong(field, "must be a string")
		return ""
	}
	return d.string(field)
}

// Visible reads a string of visible ASCII characters, such as an address or a node's id.
func (d *Decoder) Visible(field string, most int) string {
	before := len(d.wrong)
	s := d.Text(field)
	hidden := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(d.wrong) == before && (s == "" || len(s) > most || strings.ContainsFunc(s, hidden)) {
		d.Wrong(field, fmt.Sprintf("must be 1 to %d visible characters of ASCII", most))
	}
	return s
}

// Session reads a session. The member is optional, so an empty one is an error.
func (d *Decoder) Session(field string) string {
	session := d.Text(field)
	if session == "" {
		d.Wrong(field, "must not be empty; omit it to get a new one")
	}
	return session
}

// Integer reads an integer within bounds. 15.0 is also an integer, as in JSON Schema: some languages write integers
// like this.
func (d *Decoder) Integer(field string, least, most int64) int64 {
	if b := d.data[d.at]; b != '-' && (b < '0' || b > '9') {
		d.Wrong(field, "must be an integer")
		return 0
	}
	digits := d.literal()
	if whole, fraction, ok := strings.Cut(digits, "."); ok && strings.Trim(fraction, "0") == "" {
		digits = whole
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if errors.Is(err, strconv.ErrSyntax) {
		d.Wrong(field, "must be an integer, without fraction or exponent")
	} else if err != nil || n < least || n > most {
		d.Wrong(field, fmt.Sprintf("must be from %d to %d", least, most))
	}
	return n
}

// Bool reads true or false.
func (d *Decoder) Bool(field string) bool {
	if b := d.data[d.at]; b != 't' && b != 'f' {
		d.Wrong(field, "must be true or false")
		return false
	}
	return d.literal() == "true"
}

// Millis reads a duration in milliseconds.
func (d *Decoder) Millis(field string, least, most fsm.Millis) fsm.Millis {
	return fsm.Millis(d.Integer(field, int64(least), int64(most)))
}

// Token reads a fencing token.
func (d *Decoder) Token(field string) uint64 {
	return uint64(d.Integer(field, 1, fsm.MaxSafeInteger)) //nolint:gosec // at least 1
}

// Raw reads any object, and returns its JSON without white space.
func (d *Decoder) Raw(field string) string {
	if d.data[d.at] != '{' {
		d.Wrong(field, "must be an object")
		return ""
	}
	start := d.at
	d.skip(field)
	if d.stopped {
		return ""
	}
	return compact(d.data[start:d.at])
}

// skip skips a value of any type. It refuses duplicate names and lone surrogates, which JSON parsers handle
// differently.
func (d *Decoder) skip(field string) {
	switch d.data[d.at] {
	case '"':
		if quoted, escaped := d.quoted(); escaped {
			d.unquote(field, quoted)
		}
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
				d.Wrong(field, fmt.Sprintf("must not have the member %q twice", name))
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
func (d *Decoder) literal() string {
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
func (d *Decoder) string(field string) string {
	quoted, escaped := d.quoted()
	if !escaped {
		return string(quoted[1 : len(quoted)-1])
	}
	return d.unquote(field, quoted)
}

// quoted reads a string and returns it with its quotes and escapes, and whether it has any of the latter.
func (d *Decoder) quoted() (text []byte, escaped bool) {
	start := d.at
	for d.at++; d.data[d.at] != '"'; d.at++ {
		if d.data[d.at] == '\\' {
			escaped = true
			d.at++
		}
	}
	d.at++
	text = d.data[start:d.at]
	d.space()
	return text, escaped
}

func (d *Decoder) unquote(field string, quoted []byte) string {
	var s string
	if json.Unmarshal(quoted, &s) != nil || hasLoneSurrogate(quoted) {
		d.Wrong(field, "must be Unicode: it has half of a surrogate pair")
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
func (d *Decoder) name(field string) string {
	name := d.string(field)
	d.at++
	d.space()
	return name
}

// enter, more, comma and leave read the elements between brackets.
func (d *Decoder) enter() {
	if d.depth++; d.depth > MaxDepth {
		d.Wrong("body", tooDeep())
		d.stopped = true
	}
	d.at++
	d.space()
}

func (d *Decoder) more(end byte) bool { return !d.stopped && d.data[d.at] != end }

func (d *Decoder) comma() {
	if !d.stopped && d.data[d.at] == ',' {
		d.at++
		d.space()
	}
}

func (d *Decoder) leave() {
	if d.stopped {
		return
	}
	d.depth--
	d.at++
	d.space()
}

func (d *Decoder) space() {
	for d.at < len(d.data) {
		switch d.data[d.at] {
		case ' ', '\t', '\r', '\n':
			d.at++
		default:
			return
		}
	}
}

// Wrong adds an error of a field.
func (d *Decoder) Wrong(field, reason string) {
	d.wrong = append(d.wrong, fsm.FieldError{Field: field, Reason: reason})
	d.stopped = d.stopped || len(d.wrong) >= MaxErrors
}
