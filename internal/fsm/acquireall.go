package fsm

import (
	"slices"

	"github.com/lockd/lockd/internal/fsm/lease"
)

// AcquireAll takes several leases in one entry, or none of them. It never waits. Leases
// that the session holds already are renewed, but only if all others can be granted.
type AcquireAll struct {
	Sender

	Names   []string
	Holder  string
	Session string
	TTL     Millis
	Meta    string

	// AttemptID is the attempt for the first name. N of the next names counts up from it.
	AttemptID AttemptID

	Attempt string // see Acquire; the same for each of the names

	Sent uint64 // see Acquire
}

func (*AcquireAll) kind() kind { return 16 }

// Traits implements Command.
func (c *AcquireAll) Traits() Traits {
	return Traits{Lane: LaneAcquire, Session: c.Session, Weight: len(c.Names), Idempotent: true}
}

// Validate names every field out of bounds.
func (c *AcquireAll) Validate() error {
	var v validation
	if len(c.Names) < 1 || len(c.Names) > MaxNames {
		v.addf("names", "must have from 1 to %d elements", MaxNames)
		return v.err()
	}
	for i, name := range c.Names {
		v.name(indexed("names", i), name)
		if slices.Contains(c.Names[:i], name) {
			v.addf(indexed("names", i), "must not appear twice")
		}
	}
	v.holder("holder", c.Holder)
	v.session("session", c.Session)
	v.between("ttl_ms", int64(c.TTL), int64(MinTTL), int64(MaxTTL))
	v.meta("meta", c.Meta)
	v.attempt("attempt", c.Attempt)
	return v.err()
}

// AssignAttempts implements Acquiring.
func (c *AcquireAll) AssignAttempts(next func(count int) AttemptID) {
	if c.AttemptID == (AttemptID{}) {
		c.AttemptID = next(len(c.Names))
	}
}

// Sending implements Acquiring.
func (c *AcquireAll) Sending(_ Millis, revision uint64) Command {
	sending := *c
	sending.Sent = revision
	return &sending
}

func (c *AcquireAll) encode(e *encoder) {
	e.Uint(uint64(len(c.Names)))
	for _, name := range c.Names {
		e.String(name)
	}
	e.String(c.Holder)
	e.String(c.Session)
	e.Millis(c.TTL)
	e.String(c.Meta)
	e.AttemptID(c.AttemptID)
	if e.Since(2) {
		e.Uint(c.Sent)
		e.String(c.Attempt)
	}
}

func (c *AcquireAll) decode(d *decoder) {
	c.Names = make([]string, 0, d.Count(MaxNames))
	for range cap(c.Names) {
		c.Names = append(c.Names, d.String(MaxStoredNameBytes))
	}
	c.Holder = d.String(MaxHolderBytes)
	c.Session = d.String(MaxSessionBytes)
	c.TTL = d.Millis()
	c.Meta = d.String(MaxMetaBytes)
	c.AttemptID = d.AttemptID()
	if d.Since(2) {
		c.Sent = d.Uint()
		c.Attempt = d.String(MaxAttemptBytes)
	}
}

// each returns the acquire of one of the names.
func (c *AcquireAll) each(i int) *Acquire {
	return &Acquire{
		Sender: c.Sender, Name: c.Names[i], Holder: c.Holder, Session: c.Session, TTL: c.TTL, Limit: 1, Meta: c.Meta,
		AttemptID: c.AttemptID.Plus(i), Attempt: c.Attempt,
	}
}

func (c *AcquireAll) apply(m *Machine) Result {
	for _, name := range c.Names {
		if m.ends.withdrawn(c.Session, name, c.Attempt) {
			return Result{Code: CodeWithdrawn, Blocked: []*Lease{m.Lease(name)}}
		}
		held := m.Lease(name).HoldOf(c.Session) != nil
		if m.ends.outdated(c.Session, name, c.Sent) || !held && m.ends.beforeKept(c.Sent) {
			return Result{Code: CodeOutdated}
		}
	}
	if code, blocked := c.blocking(m); code != CodeOK {
		return Result{Code: code, Blocked: blocked}
	}
	m.fits = true // blocking has checked all of it
	defer func() { m.fits = false }()
	all := Result{Code: CodeOK}
	for i := range c.Names {
		one := c.each(i)
		if h := m.Lease(one.Name).HoldOf(c.Session); h != nil {
			one.Delay = h.Delay // the command has no delay: that of the hold stays
		}
		r := one.apply(m)
		if r.Code == CodeGranted {
			all.Code = CodeGranted
		}
		all.Holds = append(all.Holds, Held{Name: one.Name, Hold: r.Hold, Previous: r.Previous})
	}
	return all
}

// blocking returns why the command is refused, and the leases that cause it; CodeOK if it
// is not. The first reason is returned, but CodeSessionInUse goes before the others,
// because it concerns the whole command.
func (c *AcquireAll) blocking(m *Machine) (code Code, blocked []*Lease) {
	code = CodeOK
	leases, names, bytes := m.leases.Len(), m.sessions.count(c.Session), 0
	var grows []lease.Growth
	for i, name := range c.Names {
		if slices.Contains(c.Names[:i], name) {
			continue
		}
		l := m.Lease(name)
		if why := c.blocks(m, l); why != CodeOK {
			blocked = append(blocked, l)
			if code == CodeOK || why == CodeSessionInUse {
				code = why
			}
		}
		if !l.Active() {
			leases++
		}
		if h := l.HoldOf(c.Session); h == nil {
			names++
			bytes += c.each(i).size()
			grows = append(grows, growth(c.each(i), l, true))
		} else {
			bytes += max(0, len(c.Meta)-len(h.Meta))
		}
	}
	switch {
	case code != CodeOK:
	case leases > m.maxLeases, names > MaxSessionLeases:
		code = CodeTooManyLeases
	case m.full(bytes):
		code = CodeStateFull
	case !m.leases.Fits(grows...):
		code = CodeQuota
	}
	return code, blocked
}

// blocks returns why one of the leases cannot be granted, or CodeOK.
func (c *AcquireAll) blocks(m *Machine, l *Lease) Code {
	h, place := l.HoldOf(c.Session), l.Place(c.Session)
	switch {
	case h != nil && h.Holder != c.Holder, place >= 0 && l.Queue[place].Holder != c.Holder:
		return CodeSessionInUse
	case l.Active() && l.Limit != 1:
		return CodeLimitMismatch
	case h != nil && h.Break == nil:
		return CodeOK
	case h == nil && m.available(l, 1):
		return CodeOK
	}
	return unavailable(l)
}
