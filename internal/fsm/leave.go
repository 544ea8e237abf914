package fsm

// Leave cleans up after a client that is gone: its ticket, or a hold that could
// not be delivered. It touches only what its own attempt to acquire owns.
type Leave struct {
	Name    string
	Session string
	Attach  Attach
}

// Leaves implements Acquiring.
func (c *Acquire) Leaves() []*Leave {
	return []*Leave{{Name: c.Name, Session: c.Session, Attach: c.Attach}}
}

// Leaves implements Acquiring.
func (c *AcquireAll) Leaves() []*Leave {
	all := make([]*Leave, 0, len(c.Names))
	for i := range c.Names {
		all = append(all, c.each(i).Leaves()...)
	}
	return all
}

func (*Leave) kind() kind { return 8 }

// Traits implements Command.
func (c *Leave) Traits() Traits {
	return Traits{Lane: LaneDefault, Session: c.Session, Weight: 1, Idempotent: true}
}

// Validate names every field out of bounds.
func (c *Leave) Validate() error {
	var v validation
	v.name("name", c.Name)
	v.session("session", c.Session)
	if c.Attach == (Attach{}) {
		v.addf("attach", "must name an attempt")
	}
	return v.err()
}

func (c *Leave) encode(e *encoder) {
	e.string(c.Name)
	e.string(c.Session)
	e.attach(c.Attach)
}

func (c *Leave) decode(d *decoder) {
	c.Name = d.string(MaxStoredNameBytes)
	c.Session = d.string(MaxSessionBytes)
	c.Attach = d.attach()
}

func (c *Leave) apply(m *Machine) Result {
	l := m.lease(c.Name)
	h, place := l.HoldOf(c.Session), l.Place(c.Session)
	switch {
	case h != nil && h.attachedBy(c.Attach):
		m.end(l, h, EventReleased, ending{})
		return Result{Code: CodeOK, WasHeld: true}
	case place >= 0 && l.Queue[place].Attach == c.Attach:
		m.dequeue(l, place)
	case h == nil && place < 0:
		m.noteNothing(c.Session, c.Name) // the attempt may still be on its way
	}
	return Result{Code: CodeOK}
}

// Park ends a wait that ran out. The ticket stays for TicketGrace, so that the
// session may ask again and keep its place; an anonymous one goes at once.
type Park struct {
	Name    string
	Session string
	Attach  Attach
}

func (*Park) kind() kind { return 9 }

// Traits implements Command.
func (*Park) Traits() Traits {
	return Traits{Lane: LaneExpiry, Weight: 1, Idempotent: true, Internal: true}
}

// Validate names every field out of bounds.
func (c *Park) Validate() error { return (&Leave{c.Name, c.Session, c.Attach}).Validate() }

func (c *Park) encode(e *encoder) { (&Leave{c.Name, c.Session, c.Attach}).encode(e) }

func (c *Park) decode(d *decoder) {
	var l Leave
	l.decode(d)
	*c = Park(l)
}

func (c *Park) apply(m *Machine) Result {
	l := m.lease(c.Name)
	if h := l.HoldOf(c.Session); h != nil && h.Break == nil {
		// Granted after all: told for the first time, unless another attempt of
		// the session's has got it.
		code, change := CodeOK, (*Hold).detach
		if h.attachedBy(c.Attach) {
			code, change = CodeGranted, nil
		}
		return Result{Code: code, Hold: m.renewHold(l, h, h.TTL, h.Meta, change), Previous: l.Trail.Previous()}
	}
	place := l.Place(c.Session)
	if place < 0 && m.available(l, max(l.Limit, 1)) {
		// Another call of the session's gave the ticket up, and nobody is in the way.
		return m.refuse(CodeSessionInUse, l)
	}
	if place < 0 {
		return m.refuse(m.unavailable(l), l)
	}
	if t := l.Queue[place]; t.Attach != c.Attach {
		r := m.refuse(m.unavailable(l), l)
		r.Queued, r.Position = true, place+1
		return r
	}
	return m.park(l, place, *l.Queue[place])
}

// park answers a wait that is over: 409 to the caller, the ticket kept a while.
func (m *Machine) park(l *Lease, place int, t Ticket) Result {
	if t.Anonymous {
		return m.refuse(m.unavailable(l), m.dequeue(l, place))
	}
	t.Parked = true
	t.Seq++
	t.Renewed = m.now
	l, place = m.replaceTicket(l, place, &t)
	r := m.refuse(m.unavailable(l), l)
	r.Queued, r.Position = true, place+1
	return r
}
