package fsm

// Release gives a hold back, or leaves the queue. It may be repeated.
type Release struct {
	Name    string
	Session string
	Token   uint64 // 0: whichever the session holds
	Delay   Millis // keeps the slot unavailable for a while: a cooldown
}

func (c *Release) kind() kind { return kindRelease }

// Validate names every field out of bounds.
func (c *Release) Validate() error {
	var v validation
	v.name("name", c.Name)
	v.session("session", c.Session)
	v.token("token", c.Token, true)
	v.between("delay_ms", int64(c.Delay), 0, int64(MaxDelay))
	return v.err()
}

func (c *Release) encode(e *encoder) {
	e.string(c.Name)
	e.string(c.Session)
	e.uint(c.Token)
	e.millis(c.Delay)
}

func (c *Release) decode(d *decoder) {
	c.Name = d.string(MaxStoredNameBytes)
	c.Session = d.string(MaxSessionBytes)
	c.Token = d.uint()
	c.Delay = d.millis()
}

func (c *Release) apply(m *Machine) Result {
	l := m.lease(c.Name)
	if h := l.HoldOf(c.Session); h != nil {
		if c.Token != 0 && c.Token != h.Token {
			return m.refuse(CodeStaleToken, l)
		}
		m.end(l, h, EventReleased, ending{delay: c.Delay})
		return Result{Code: CodeOK, WasHeld: true, Held: m.now - h.Granted}
	}
	switch place := l.Place(c.Session); {
	case c.Token != 0:
	case place >= 0:
		m.dequeue(l, place)
	default:
		m.noteNothing(c.Session, c.Name)
	}
	return Result{Code: CodeOK}
}
