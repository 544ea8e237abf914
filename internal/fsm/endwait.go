package fsm

// Park ends a wait that ran out. The ticket stays for TicketGrace, so that the
// session may ask again and keep its place; an anonymous one goes at once.
type EndWait struct {
	Name      string
	Session   string
	AttemptID AttemptID
}

func (*EndWait) kind() kind { return 9 }

// Traits implements Command.
func (*EndWait) Traits() Traits {
	return Traits{Lane: LaneExpiry, Weight: 1, Idempotent: true, Internal: true}
}

// Validate names every field out of bounds.
func (c *EndWait) Validate() error {
	return (&CancelAcquire{c.Name, c.Session, c.AttemptID}).Validate()
}

func (c *EndWait) encode(e *encoder) { (&CancelAcquire{c.Name, c.Session, c.AttemptID}).encode(e) }

func (c *EndWait) decode(d *decoder) {
	var l CancelAcquire
	l.decode(d)
	*c = EndWait(l)
}

func (c *EndWait) apply(m *Machine) Result {
	l := m.lease(c.Name)
	if h := l.HoldOf(c.Session); h != nil && h.Break == nil {
		// Granted after all: told for the first time, unless another attempt of
		// the session's has got it.
		code, change := CodeOK, (*Hold).clearAttemptID
		if h.ownedBy(c.AttemptID) {
			code, change = CodeGranted, nil
		}
		return Result{Code: code, Hold: m.renewHold(l, h, h.TTL, h.Meta, change), Previous: l.History.Previous()}
	}
	place := l.Place(c.Session)
	if place < 0 && m.available(l, max(l.Limit, 1)) {
		// Another call of the session's gave the ticket up, and nobody is in the way.
		return m.refuse(CodeSessionInUse, l)
	}
	if place < 0 {
		return m.refuse(m.unavailable(l), l)
	}
	if t := l.Queue[place]; t.AttemptID != c.AttemptID {
		r := m.refuse(m.unavailable(l), l)
		r.Queued, r.Position = true, place+1
		return r
	}
	return m.endWait(l, place, *l.Queue[place])
}

// park answers a wait that is over: 409 to the caller, the ticket kept a while.
func (m *Machine) endWait(l *Lease, place int, t Ticket) Result {
	if t.Anonymous {
		return m.refuse(m.unavailable(l), m.dequeue(l, place))
	}
	t.WaitEnded = true
	t.Seq++
	t.Renewed = m.now
	l, place = m.replaceTicket(l, place, &t)
	r := m.refuse(m.unavailable(l), l)
	r.Queued, r.Position = true, place+1
	return r
}
