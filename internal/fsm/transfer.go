package fsm

import "slices"

// Transfer ends a hold and grants it to a waiter in one entry, without a vacancy.
type Transfer struct {
	Sender

	Name    string
	Session string
	Token   uint64 // 0: any
	To      string // the holder name of a waiter; the first one with it is granted the lease
}

func (*Transfer) kind() kind { return 6 }

// Traits implements Command.
func (c *Transfer) Traits() Traits {
	return Traits{
		Lane: LaneDefault, Session: c.Session, Weight: 1,
		Idempotent: c.Token != 0, // else a copy may transfer a later hold
	}
}

// Validate names every field out of bounds.
func (c *Transfer) Validate() error {
	var v validation
	v.name("name", c.Name)
	v.session("session", c.Session)
	v.token("token", c.Token, true)
	v.holder("to", c.To)
	return v.err()
}

func (c *Transfer) encode(e *encoder) {
	e.String(c.Name)
	e.String(c.Session)
	e.Uint(c.Token)
	e.String(c.To)
}

func (c *Transfer) decode(d *decoder) {
	c.Name = d.String(MaxStoredNameBytes)
	c.Session = d.String(MaxSessionBytes)
	c.Token = d.Uint()
	c.To = d.String(MaxHolderBytes)
}

func (c *Transfer) apply(m *Machine) Result {
	l := m.Lease(c.Name)
	h, code := FindHold(l, c.Session, c.Token)
	if code != CodeOK {
		p := l.History.Previous()
		if p.End == EventTransferred && p.Session == c.Session && p.To == c.To &&
			(c.Token == p.Token || c.Token == 0 && code == CodeNotHolder) {
			return Result{Code: CodeOK, Hold: l.HeldBy(p.To)} // a repeat after a lost reply
		}
		return refuse(code, l)
	}
	place := slices.IndexFunc(l.Queue, func(t *Ticket) bool { return t.Holder == c.To })
	if place < 0 || m.quarantine.For != 0 { // nothing is granted during a quarantine
		return refuse(CodeNoCandidate, l)
	}
	next := m.end(l, h, EventTransferred, ending{to: l.Queue[place]})
	return Result{Code: CodeOK, Hold: next, WasHeld: true, Held: m.now - h.Granted}
}
