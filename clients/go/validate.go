package lockd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
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
