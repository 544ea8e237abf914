package fsm

// A Ref identifies one hold by its lease and token.
type Ref struct {
	Name  string
	Token uint64
}

// RenewSession renews all holds of a session, or some of them.
type RenewSession struct {
	Sender

	Session string
	Only    []Ref // empty: all; holds that no longer exist are skipped
}

func (*RenewSession) kind() kind { return 3 }

// Traits implements Command.
func (c *RenewSession) Traits() Traits {
	return Traits{Lane: LaneRenewal, Session: c.Session, Weight: 1, Idempotent: true, FinalRefusal: true}
}

// Validate names every field out of bounds.
func (c *RenewSession) Validate() error { return validateSession(c.Session, c.Only) }

func (c *RenewSession) encode(e *encoder) { encodeSession(e, c.Session, c.Only) }

func (c *RenewSession) decode(d *decoder) { c.Session, c.Only = decodeSession(d) }

func (c *RenewSession) apply(m *Machine) Result {
	held := m.HeldBy(c.Session, c.Only)
	if len(held) == 0 {
		return Result{Code: CodeNotHolder}
	}
	for i, h := range held {
		l := m.Lease(h.Name)
		now := l.HoldBy(h.Hold.Token) // the hold was replaced already if Only has it twice
		held[i].Hold = m.renewHold(l, now, now.TTL, now.Meta, (*Hold).ClearAttemptID)
	}
	return Result{Code: CodeOK, Holds: held}
}

// HeldBy returns all holds of a session, or those in only, that may be renewed, in the order
// of names. A hold that is being broken is not among them.
func (m *Machine) HeldBy(session string, only []Ref) []Held {
	var held []Held
	add := func(name string, token uint64) {
		if h, code := FindHold(m.Lease(name), session, token); code == CodeOK {
			held = append(held, Held{Name: name, Hold: h})
		}
	}
	if len(only) > 0 {
		for _, r := range only {
			add(r.Name, r.Token)
		}
		return held
	}
	for _, name := range m.sessions.of(session) {
		add(name, 0)
	}
	return held
}

// ReleaseSession ends all holds of a session and removes its tickets, or ends only some
// holds.
type ReleaseSession struct {
	Sender

	Session string
	Only    []Ref // empty: all, and the tickets
}

func (*ReleaseSession) kind() kind { return 5 }

// Traits implements Command.
func (c *ReleaseSession) Traits() Traits {
	return Traits{
		Lane: LaneDefault, Session: c.Session, Weight: 1,
		Idempotent: len(c.Only) > 0, // else a copy may end a later hold
	}
}

// Validate names every field out of bounds.
func (c *ReleaseSession) Validate() error { return validateSession(c.Session, c.Only) }

func (c *ReleaseSession) encode(e *encoder) { encodeSession(e, c.Session, c.Only) }

func (c *ReleaseSession) decode(d *decoder) { c.Session, c.Only = decodeSession(d) }

func (c *ReleaseSession) apply(m *Machine) Result {
	r := Result{Code: CodeOK}
	release := func(name string, token uint64) {
		l := m.Lease(name)
		if h := l.HoldOf(c.Session); h != nil && (token == 0 || token == h.Token) {
			r.Holds = append(r.Holds, Held{Name: name, Hold: h})
			m.end(l, h, EventReleased, ending{})
		} else if place := l.Place(c.Session); place >= 0 && token == 0 {
			r.QueuesLeft = append(r.QueuesLeft, name)
			m.dequeue(l, place)
		}
	}
	if len(c.Only) > 0 {
		for _, ref := range c.Only {
			release(ref.Name, ref.Token)
		}
		return r
	}
	for _, name := range m.sessions.of(c.Session) {
		release(name, 0)
	}
	m.recordEndOfNothing(c.Session, "") // acquires that are still on their way are refused
	return r
}

func validateSession(session string, only []Ref) error {
	var v validation
	v.session("session", session)
	if len(only) > MaxSessionLeases {
		v.addf("leases", "must have at most %d elements", MaxSessionLeases)
		return v.err()
	}
	for i, r := range only {
		v.name(indexed("leases", i)+".name", r.Name)
		v.token(indexed("leases", i)+".token", r.Token, false)
	}
	return v.err()
}

func encodeSession(e *encoder, session string, only []Ref) {
	e.String(session)
	e.Uint(uint64(len(only)))
	for _, r := range only {
		e.String(r.Name)
		e.Uint(r.Token)
	}
}

func decodeSession(d *decoder) (string, []Ref) {
	session := d.String(MaxSessionBytes)
	only := make([]Ref, 0, d.Count(MaxSessionLeases))
	for range cap(only) {
		only = append(only, Ref{Name: d.String(MaxStoredNameBytes), Token: d.Uint()})
	}
	return session, only
}
