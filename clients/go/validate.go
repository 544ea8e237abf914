package lockd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// A response must have the expected form, because a proxy may send something else with a 200. A
// response of another form counts as no response.
var (
	errNoObject  = errors.New("the response is not a JSON object")
	errWrongHold = errors.New("the response is about another lease or another hold")
	errMissing   = errors.New("a member is missing")
	errDuration  = errors.New("a duration is negative or longer than the longest TTL")
)

// read parses the body of a 2xx response into out. It first clears out, so that nothing of an
// earlier response is left.
func (cl call) read(answer []byte) error {
	if cl.out == nil {
		return nil
	}
	reflect.ValueOf(cl.out).Elem().SetZero()
	if !bytes.HasPrefix(bytes.TrimSpace(answer), []byte("{")) {
		return errNoObject
	}
	if err := checkJSON(answer); err != nil {
		return err
	}
	if err := json.Unmarshal(answer, cl.out); err != nil {
		return err
	}
	if cl.validate != nil {
		return cl.validate()
	}
	return nil
}

// validate checks a grant of the lease name; token is the token of the hold, or 0 if it is not
// known.
func (g *Grant) validate(name string, token uint64) error {
	switch {
	case g.Token == 0:
		return fmt.Errorf("%w: token", errMissing)
	case g.Name != name, token != 0 && g.Token != token:
		return errWrongHold
	}
	return g.validateDurations()
}

// validateDurations checks the durations from which a deadline is computed: none may be longer than
// the largest TTL.
func (g *Grant) validateDurations() error {
	if g.TTL == 0 {
		return fmt.Errorf("%w: ttl_ms", errMissing)
	}
	return checkDurations(g.TTL, g.ExpiresIn, g.Waited)
}

func checkDurations(promised ...Millis) error {
	for _, d := range promised {
		if d < 0 || d > Millis(maxTTL/time.Millisecond) {
			return errDuration
		}
	}
	return nil
}

func (g *grantSet) validate(names []string) error {
	if len(g.Leases) != len(names) {
		return fmt.Errorf("%d leases were requested, but %d were granted", len(names), len(g.Leases))
	}
	for i, name := range names {
		one := g.grant(i)
		if err := one.validate(name, 0); err != nil {
			return err
		}
	}
	return nil
}

func (s *SessionLeases) validate() error {
	if s.Leases == nil {
		return fmt.Errorf("%w: leases", errMissing)
	}
	for _, l := range s.Leases {
		if l.Name == "" || l.Token == 0 {
			return fmt.Errorf("%w: name or token", errMissing)
		}
		if err := checkDurations(l.ExpiresIn, s.Waited); err != nil {
			return err
		}
	}
	return nil
}

func (s *State) validate() error {
	if s.Name == "" {
		return fmt.Errorf("%w: name", errMissing)
	}
	for _, h := range s.Holders {
		if h.Token == 0 {
			return fmt.Errorf("%w: token", errMissing)
		}
	}
	return nil
}

// validateFor checks that s is a valid state of the lease name.
func (s *State) validateFor(name string) error {
	if s.Name != name {
		return errWrongHold
	}
	return s.validate()
}

func (p *Page) validate() error {
	if p.Leases == nil {
		return fmt.Errorf("%w: leases", errMissing)
	}
	for _, s := range p.Leases {
		if err := s.validate(); err != nil {
			return err
		}
	}
	return nil
}

// validate checks the types of this version; other types are ignored.
func (e *Event) validate() error {
	switch e.Type {
	case EventState:
		if e.Lease == nil {
			return fmt.Errorf("%w: lease", errMissing)
		}
	case EventAcquired, EventReleased, EventExpired, EventBroken, EventTransferred, EventDelayed, EventFree, EventMeta,
		EventStepDown, EventReclaimed:
		if e.Name == "" {
			return fmt.Errorf("%w: name", errMissing)
		}
	}
	if e.Lease != nil {
		return e.Lease.validate()
	}
	return nil
}

const (
	maxInteger = 1<<53 - 1 // not every language represents larger integers exactly
	maxDepth   = 1000      // of nested JSON
)

// exactIntegers are the members whose values must be integers that every language can represent.
var exactIntegers = map[string]bool{
	"token": true, "revision": true, "oldest": true, "current": true, "term": true, "applied_index": true, "transitions": true,
}

// checkJSON refuses JSON that two parsers may read in different ways: a member that occurs twice,
// also in another case because encoding/json ignores case, and an integer that is not exact. The
// content of meta belongs to its writer and is not checked.
func checkJSON(raw []byte) error {
	c := jsonCheck{tokens: json.NewDecoder(bytes.NewReader(raw))}
	c.tokens.UseNumber()
	for {
		token, err := c.tokens.Token()
		if errors.Is(err, io.EOF) && len(c.open) == 0 {
			return nil
		}
		if err == nil {
			err = c.check(token)
		}
		if err != nil {
			return err
		}
	}
}

// A jsonCheck checks the tokens of one JSON text.
type jsonCheck struct {
	tokens *json.Decoder
	open   []*jsonFrame // objects and arrays that have begun, the innermost last
}

// check checks the next token.
func (c *jsonCheck) check(token json.Token) error {
	in := &jsonFrame{}
	if len(c.open) > 0 {
		in = c.open[len(c.open)-1]
	}
	switch t := token.(type) {
	case json.Delim:
		return c.checkDelim(t, in)
	case string:
		if in.object && !in.member {
			return c.checkName(t, in)
		}
	case json.Number:
		if n, err := strconv.ParseUint(t.String(), 10, 64); exactIntegers[in.name] && (err != nil || n > maxInteger) {
			return fmt.Errorf("%s is not an integer from 0 to %d", in.name, maxInteger)
		}
	}
	in.member = false
	return nil
}

// checkDelim begins or ends an object or an array.
func (c *jsonCheck) checkDelim(t json.Delim, in *jsonFrame) error {
	if t == '}' || t == ']' {
		c.open = c.open[:len(c.open)-1]
		return nil
	}
	in.member = in.array // after the value the next token is a name
	if len(c.open) == maxDepth {
		return errors.New("the JSON is nested too deeply")
	}
	c.open = append(c.open, &jsonFrame{array: t == '[', object: t == '{', name: in.name})
	return nil
}

// checkName begins a member, and skips the value of meta.
func (c *jsonCheck) checkName(name string, in *jsonFrame) error {
	if err := in.startMember(name); err != nil || name != "meta" {
		return err
	}
	in.member = false
	return c.tokens.Decode(new(json.RawMessage))
}

// A jsonFrame is an object or array that is being parsed.
type jsonFrame struct {
	object, array bool
	names         map[string]bool
	name          string // of the current member
	member        bool   // the next token is the value of a member
}

// startMember records the name of a member. It refuses a duplicate.
func (f *jsonFrame) startMember(name string) error {
	folded := strings.ToLower(strings.ToUpper(name)) // compared as encoding/json does
	if f.names[folded] {
		return fmt.Errorf("the member %q occurs twice", name)
	}
	if f.names == nil {
		f.names = make(map[string]bool)
	}
	f.names[folded], f.name, f.member = true, name, true
	return nil
}
