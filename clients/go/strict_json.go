package lockd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxInteger = 1<<53 - 1 // not every language represents larger integers exactly
	maxDepth   = 1000      // of nested JSON
	fewMembers = 16        // of an object, whose names are compared one by one
)

// exactIntegers are the members whose values must be integers that every language can represent.
var exactIntegers = map[string]bool{
	"token": true, "revision": true, "oldest": true, "current": true, "term": true, "applied_index": true, "transitions": true,
}

// checkJSON refuses JSON that two parsers may read in different ways: a member that occurs twice,
// also in another case because encoding/json ignores case, and an integer that is not exact. The
// content of meta belongs to its writer and is not checked.
//
// It does not check the syntax: for invalid JSON the result has no meaning. Callers also call
// json.Unmarshal, which does. It is not a loop over json.Decoder.Token: that took most of the
// client's time for an answer with many leases.
func checkJSON(raw []byte) error {
	c := jsonCheck{raw: raw}
	for c.next < len(raw) {
		if err := c.check(raw[c.next]); err != nil {
			return err
		}
	}
	if len(c.open) > 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// A jsonCheck checks one JSON text.
type jsonCheck struct {
	raw   []byte
	next  int         // position of the next byte to check
	open  []jsonFrame // objects and arrays that have begun, the innermost last
	names [][]byte    // folded names of the members of open objects
}

// A jsonFrame is an object or array that is being checked.
type jsonFrame struct {
	object bool
	value  bool            // of an object: the next string is a value, not a name
	meta   bool            // the value of the current member is not checked
	name   []byte          // of the current member, folded; of an array, of the member that it is the value of
	first  int             // index in jsonCheck.names of the first member
	many   map[string]bool // folded names of the members, if there are many
}

// check checks the token that begins with b, and sets next to the byte after it.
func (c *jsonCheck) check(b byte) error {
	in := &jsonFrame{}
	if len(c.open) > 0 {
		in = &c.open[len(c.open)-1]
	}
	begin := c.next
	c.next++
	switch b {
	case '{', '[':
		if len(c.open) == maxDepth {
			return errors.New("the JSON is nested too deeply")
		}
		c.open = append(c.open, jsonFrame{object: b == '{', name: in.name, first: len(c.names)})
	case '}', ']':
		if len(c.open) == 0 {
			return errNoObject
		}
		c.names, c.open = c.names[:in.first], c.open[:len(c.open)-1]
	case ',':
		in.value = false
	case ':':
		in.value = true
		if in.meta {
			c.next = valueEnd(c.raw, c.next)
		}
	case '"':
		c.next = stringEnd(c.raw, c.next)
		if in.object && !in.value {
			return c.startMember(in, c.raw[begin:c.next])
		}
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		c.next = numberEnd(c.raw, c.next)
		if exactIntegers[string(in.name)] {
			return checkExact(in.name, c.raw[begin:c.next])
		}
	}
	return nil
}

func checkExact(name, number []byte) error {
	if n, err := strconv.ParseUint(string(number), 10, 64); err != nil || n > maxInteger {
		return fmt.Errorf("%s is not an integer from 0 to %d", name, maxInteger)
	}
	return nil
}

// startMember records the name of a member. It refuses a duplicate.
func (c *jsonCheck) startMember(f *jsonFrame, quoted []byte) error {
	name, folded, err := memberName(quoted)
	if err != nil {
		return err
	}
	f.name, f.meta = folded, string(name) == "meta"
	names := c.names[f.first:]
	twice := f.many[string(folded)]
	if f.many == nil {
		for _, n := range names {
			twice = twice || bytes.Equal(n, folded)
		}
	}
	if twice {
		return fmt.Errorf("the member %q occurs twice", name)
	}
	if f.many == nil && len(names) < fewMembers {
		c.names = append(c.names, folded)
		return nil
	}
	if f.many == nil {
		f.many = make(map[string]bool)
		for _, n := range names {
			f.many[string(n)] = true
		}
	}
	f.many[string(folded)] = true
	return nil
}

// memberName returns a name without quotes and escapes, and folded: as encoding/json compares it.
func memberName(quoted []byte) (name, folded []byte, err error) {
	if len(quoted) < 2 {
		return nil, nil, io.ErrUnexpectedEOF
	}
	name = quoted[1 : len(quoted)-1]
	plain := true
	for _, b := range name {
		plain = plain && b < utf8.RuneSelf && b != '\\' && (b < 'A' || b > 'Z')
	}
	if plain {
		return name, name, nil
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return nil, nil, err
	}
	return []byte(s), []byte(strings.ToLower(strings.ToUpper(s))), nil
}

// stringEnd returns the position after the string whose first quote is before i.
func stringEnd(raw []byte, i int) int {
	for ; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return len(raw)
}

// numberEnd returns the position of the first byte from i that is not part of a number.
func numberEnd(raw []byte, i int) int {
	for ; i < len(raw); i++ {
		switch b := raw[i]; {
		case '0' <= b && b <= '9', b == '+', b == '-', b == '.', b == 'e', b == 'E':
		default:
			return i
		}
	}
	return i
}

// valueEnd returns the position of the comma or bracket after the value that begins at i.
func valueEnd(raw []byte, i int) int {
	for depth := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = stringEnd(raw, i+1) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(raw)
}
