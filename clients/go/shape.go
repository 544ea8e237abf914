package lockd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// The form that answers must have: a proxy may say something else with a 200. What
// has another form counts as no answer.
var (
	errNoObject = errors.New("no object")
	errOther    = errors.New("it is of another lease, or of another hold")
	errMissing  = errors.New("a member is missing")
	errNoTTL    = errors.New("it promises what no lease lasts")
)

// read takes the body of a 2xx. Nothing of an answer before is left in out.
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
	if cl.fits != nil {
		return cl.fits()
	}
	return nil
}

// fits reports what is wrong with an answer about this lease; token is that of the
// hold, or 0 where it is not known.
func (g *Grant) fits(name string, token uint64) error {
	switch {
	case g.Token == 0:
		return fmt.Errorf("%w: token", errMissing)
	case g.Name != name, token != 0 && g.Token != token:
		return errOther
	}
	return g.promises()
}

// promises checks the durations of which a deadline is made: none is longer than a
// TTL may be.
func (g *Grant) promises() error {
	if g.TTL == 0 {
		return fmt.Errorf("%w: ttl_ms", errMissing)
	}
	return lasts(g.TTL, g.ExpiresIn, g.Waited)
}

func lasts(promised ...Millis) error {
	for _, d := range promised {
		if d < 0 || d > Millis(maxTTL/time.Millisecond) {
			return errNoTTL
		}
	}
	return nil
}

func (g *grants) fits(names []string) error {
	if len(g.Leases) != len(names) {
		return fmt.Errorf("%d names were asked for, and %d granted", len(names), len(g.Leases))
	}
	for i, name := range names {
		one := g.each(i)
		if err := one.fits(name, 0); err != nil {
			return err
		}
	}
	return nil
}

func (s *SessionLeases) fits() error {
	if s.Leases == nil {
		return fmt.Errorf("%w: leases", errMissing)
	}
	for _, l := range s.Leases {
		if l.Name == "" || l.Token == 0 {
			return fmt.Errorf("%w: name, or token", errMissing)
		}
		if err := lasts(l.ExpiresIn, s.Waited); err != nil {
			return err
		}
	}
	return nil
}

func (s *State) fits() error {
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

// isOf is fits for the state of this lease.
func (s *State) isOf(name string) error {
	if s.Name != name {
		return errOther
	}
	return s.fits()
}

func (p *Page) fits() error {
	if p.Leases == nil {
		return fmt.Errorf("%w: leases", errMissing)
	}
	for _, s := range p.Leases {
		if err := s.fits(); err != nil {
			return err
		}
	}
	return nil
}

// fits knows the types of this version; what is told by another is not looked at.
func (e *Event) fits() error {
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
		return e.Lease.fits()
	}
	return nil
}
