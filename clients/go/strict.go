package lockd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	maxInteger = 1<<53 - 1 // above it not every language has each integer
	maxDepth   = 1000      // of nested JSON
)

// exact are the members whose values must be integers that every language reads alike.
var exact = map[string]bool{
	"token": true, "revision": true, "oldest": true, "current": true, "term": true, "applied_index": true, "transitions": true,
}

// checkJSON refuses JSON that two readers may read in two ways: a member that is there
// twice, also in another case because encoding/json ignores case, and an integer that
// is not exact. What is in meta is its writer's, and may be anything.
func checkJSON(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var open []*jsonFrame
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(open) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		in := &jsonFrame{}
		if len(open) > 0 {
			in = open[len(open)-1]
		}
		switch t := token.(type) {
		case json.Delim:
			if t == '}' || t == ']' {
				open = open[:len(open)-1]
				continue
			}
			in.member = in.array // the next token is a name again
			if len(open) == maxDepth {
				return errors.New("it is nested too deeply")
			}
			open = append(open, &jsonFrame{array: t == '[', object: t == '{', name: in.name})
			continue
		case string:
			if in.object && !in.member {
				if err := in.begin(t); err != nil {
					return err
				}
				if t == "meta" {
					if err := d.Decode(new(json.RawMessage)); err != nil {
						return err
					}
					in.member = false
				}
				continue
			}
		case json.Number:
			if n, err := strconv.ParseUint(t.String(), 10, 64); exact[in.name] && (err != nil || n > maxInteger) {
				return fmt.Errorf("%s is no integer from 0 to %d", in.name, maxInteger)
			}
		}
		in.member = false
	}
}

// A jsonFrame is an object or array that is being read.
type jsonFrame struct {
	object, array bool
	names         map[string]bool
	name          string // of the member that is being read
	member        bool   // its value comes next
}

// begin notes a member's name.
func (f *jsonFrame) begin(name string) error {
	folded := strings.ToLower(strings.ToUpper(name)) // as encoding/json compares
	if f.names[folded] {
		return fmt.Errorf("the member %q is there twice", name)
	}
	if f.names == nil {
		f.names = make(map[string]bool)
	}
	f.names[folded], f.name, f.member = true, name, true
	return nil
}
