package fsm

// Release ends a hold of the session, or removes its ticket. Copies of the acquire that got
// the hold or the ticket are refused from then on.
type Release struct {
	Sender

	Name    string
	Session string
	Token   uint64 // 0: any
	Attempt string // see Acquire.Attempt; if set, only what this attempt got; not with Token
	Delay   Millis // the cooldown of the slot
}

func (*Release) kind() kind { return 4 }

// Traits implements Command.
func (c *Release) Traits() Traits {
	return Traits{
		Lane: LaneDefault, Session: c.Session, Weight: 1,
		Idempotent: c.Token != 0 || c.Attempt != "", // else a copy may end a later hold
	}
}

// Validate names every field out of bounds.
func (c *Release) Validate() error {
	var v validation
	v.name("name", c.Name)
	v.session("session", c.Session)
	v.token("token", c.Token, true)
	v.attempt("attempt", c.Attempt)
	if c.Attempt != "" && c.Token != 0 {
		v.addf("attempt", "must not come with token")
	}
	v.between("delay_ms", int64(c.Delay), 0, int64(MaxDelay))
	return v.err()
}

func (c *Release) encode(e *encoder) {
	e.String(c.Name)
	e.String(c.Session)
	e.Uint(c.Token)
	e.Millis(c.Delay)
	if e.requires(2, c.Attempt != "") {
		e.String(c.Attempt)
	}
}

func (c *Release) decode(d *decoder) {
	c.Name = d.String(MaxStoredNameBytes)
	c.Session = d.String(MaxSessionBytes)
	c.Token = d.Uint()
	c.Delay = d.Millis()
	if d.Since(2) {
		c.Attempt = d.String(MaxAttemptBytes)
	}
}

func (c *Release) apply(m *Machine) Result {
	l := m.Lease(c.Name)
	if h := l.HoldOf(c.Session); h != nil {
		if c.Token != 0 && c.Token != h.Token {
			return refuse(CodeStaleToken, l)
		}
		if c.names(h.Attempt) {
			m.end(l, h, EventReleased, ending{delay: c.Delay})
			m.ends.withdraw(c.Session, c.Name, h.Attempt)
			return Result{Code: CodeOK, WasHeld: true, Held: m.now - h.Granted}
		}
		return Result{Code: CodeOK} // another attempt of the session holds it
	}
	switch place := l.Place(c.Session); {
	case c.Token != 0:
		return Result{Code: CodeOK, Previous: l.EndOf(c.Session, c.Token)}
	case place < 0:
		m.recordEndOfNothing(c.Session, c.Name)
		m.ends.withdraw(c.Session, c.Name, c.Attempt)
	case c.names(l.Queue[place].Attempt):
		m.dequeue(l, place)
		m.ends.withdraw(c.Session, c.Name, l.Queue[place].Attempt)
	}
	return Result{Code: CodeOK}
}

// names reports whether the release applies to what an attempt got.
func (c *Release) names(attempt string) bool { return c.Attempt == "" || c.Attempt == attempt }
