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

// maxComplaints bounds what one 400 says, and so what a hostile body costs.
const maxComplaints = 16

// members are the names of an object's members.
type members struct {
	required, optional []string
	inPath             bool // the lease's name is in the path
}

func (m members) unknown(name string) string {
	if m.inPath && slices.Contains([]string{"name", "lease", "key", "id", "lock", "names"}, plain(name)) {
		return "is not known here: the name of the lease is in the path"
	}
	return unknown(name, slices.Concat(m.required, m.optional))
}

// A decoder walks a body that is known to be well-formed JSON, and collects what
// is wrong with its content. encoding/json would let a name twice, a name in
// another case, half of a surrogate pair, and null pass.
type decoder struct {
	data    []byte
	at      int // at a token, never at white space
	depth   int
	wrong   fsm.Invalid
	stopped bool // the walk has ended early; at means nothing more
}

// decode hands each member of the body's object to known, and returns what is
// wrong with the body, or nil.
func decode(body []byte, m members, known func(d *decoder, field string) bool) fsm.Invalid {
	if reason := malformed(body); reason != "" {
		return fsm.Invalid{{Field: "body", Reason: reason}}
	}
	d := decoder{data: body}
	d.space()
	d.object("body", "", m, func(field string) bool { return known(&d, field) })
	return d.wrong
}

func tooDeep() string { return fmt.Sprintf("must nest at most %d deep", MaxBodyDepth) }

// parserTooDeep ends what encoding/json says of a body too deep for itself; it
// has no other sign of it.
const parserTooDeep = "exceeded max depth"

// malformed says why a body is not one JSON value, or nothing.
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

// object takes an object. where names it in a complaint, and prefix its members.
func (d *decoder) object(where, prefix string, m members, known func(name string) bool) {
	if d.data[d.at] != '{' {
		d.complain(where, "must be an object")
		d.skip(where)
		return
	}
	var few [12]string
	seen := few[:0]
	for d.enter(); d.more('}'); d.comma() {
		name := d.name(where)
		value := d.at
		if slices.Contains(seen, name) {
			d.complain(prefix+name, "must not appear twice")
		} else if !known(name) {
			d.complain(prefix+name, m.unknown(name))
		}
		seen = append(seen, name)
		if d.at == value {
			d.skip(prefix + name)
		}
	}
	d.leave()
	for _, name := range m.required {
		if !d.stopped && !slices.Contains(seen, name) {
			d.complain(prefix+name, "is required")
		}
	}
}

// list takes an array, and hands over each element with its prefix.
func (d *decoder) list(field string, least, most int, element func(where, prefix string)) {
	if d.data[d.at] != '[' {
		d.complain(field, "must be an array")
		return
	}
	n := 0
	for d.enter(); d.more(']'); d.comma() {
		if n < most {
			where, value := field+"["+strconv.Itoa(n)+"]", d.at
			if element(where, where+"."); d.at == value {
				d.skip(field) // it was of another kind than wanted
			}
		} else {
			d.skip(field)
		}
		n++
	}
	d.leave()
	if n < least || n > most {
		d.complain(field, fmt.Sprintf("must have from %d to %d elements", least, most))
	}
}

// text takes a string.
func (d *decoder) text(field string) string {
	if d.data[d.at] != '"' {
		d.complain(field, "must be a string")
		return ""
	}
	return d.string(field)
}

// word takes visible characters of ASCII: an address, or what a node is called.
func (d *decoder) word(field string, most int) string {
	before := len(d.wrong)
	s := d.text(field)
	hidden := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(d.wrong) == before && (s == "" || len(s) > most || strings.ContainsFunc(s, hidden)) {
		d.complain(field, fmt.Sprintf("must be 1 to %d visible characters of ASCII", most))
	}
	return s
}

// hostPort and webAddress stand in openapi.yaml, too.
var (
	hostPort   = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\]):[0-9]{1,5}$`)
	webAddress = regexp.MustCompile(`^(https?://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\]):[0-9]{1,5}$`)
)

// address takes where a node can be reached.
func (d *decoder) address(field string, form *regexp.Regexp) string {
	before := len(d.wrong)
	s := d.word(field, fsm.MaxAddressBytes)
	if len(d.wrong) == before && !form.MatchString(s) {
		d.complain(field, "must be HOST:PORT")
	}
	return s
}

// session takes a session that the caller may leave out.
func (d *decoder) session(field string) string {
	session := d.text(field)
	if session == "" {
		d.complain(field, "must not be empty; leave it out to be given one")
	}
	return session
}

// integer takes a whole number within bounds. 15.0 is one, too: JSON Schema, and
// so the contract, knows no difference, and some languages write it so.
func (d *decoder) integer(field string, least, most int64) int64 {
	if b := d.data[d.at]; b != '-' && (b < '0' || b > '9') {
		d.complain(field, "must be an integer")
		return 0
	}
	digits := d.literal()
	if whole, fraction, ok := strings.Cut(digits, "."); ok && strings.Trim(fraction, "0") == "" {
		digits = whole
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if errors.Is(err, strconv.ErrSyntax) {
		d.complain(field, "must be an integer, without fraction or exponent")
	} else if err != nil || n < least || n > most {
		d.complain(field, fmt.Sprintf("must be from %d to %d", least, most))
	}
	return n
}

// bool takes true or false.
func (d *decoder) bool(field string) bool {
	if b := d.data[d.at]; b != 't' && b != 'f' {
		d.complain(field, "must be true or false")
		return false
	}
	return d.literal() == "true"
}

func (d *decoder) millis(field string, least, most fsm.Millis) fsm.Millis {
	return fsm.Millis(d.integer(field, int64(least), int64(most)))
}

func (d *decoder) token(field string) uint64 {
	return uint64(d.integer(field, 1, fsm.MaxSafeInteger))
}

// raw takes an object of the caller's own, and returns it without white space.
func (d *decoder) raw(field string) string {
	if d.data[d.at] != '{' {
		d.complain(field, "must be an object")
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

// skip passes over a value of any kind, and checks what every reader of JSON
// must see the same way: no name twice in an object, no half of a surrogate pair.
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
				d.complain(field, fmt.Sprintf("must not have the member %q twice", name))
			}
			seen[name] = true
			d.skip(field)
		}
		d.leave()
	default:
		d.literal()
	}
}

// literal takes a number, true, false or null.
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

// string takes a string. Most have no escape, and are taken as they stand.
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
		d.complain(field, "must be Unicode: it has half of a surrogate pair")
	}
	return s
}

// hasLoneSurrogate looks for what encoding/json would replace in silence, so
// that two labels that differ would become the same.
func hasLoneSurrogate(quoted []byte) bool {
	escape := func(i int) rune { // the rune of the \uXXXX at i, or -1
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

// name takes a member's name and the colon after it.
func (d *decoder) name(where string) string {
	name := d.string(where)
	d.at++
	d.space()
	return name
}

// enter, more, comma and leave walk what stands between brackets.
func (d *decoder) enter() {
	if d.depth++; d.depth > MaxBodyDepth {
		d.complain("body", tooDeep())
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

func (d *decoder) complain(field, reason string) {
	d.wrong = append(d.wrong, fsm.FieldError{Field: field, Reason: reason})
	d.stopped = d.stopped || len(d.wrong) >= maxComplaints
}
