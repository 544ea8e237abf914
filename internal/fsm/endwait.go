package fsm

// EndWait ends a wait that has timed out. The ticket stays for TicketGrace, so that the
// session can repeat its acquire and keep its place. An anonymous ticket is removed at
// once.
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
	l := m.Lease(c.Name)
	if h := l.HoldOf(c.Session); h != nil && h.Break == nil {
		// The lease was granted meanwhile. CodeGranted is the answer of the attempt that
		// owns the hold; any other attempt of the session finds the hold.
		code, change := CodeOK, (*Hold).ClearAttemptID
		if h.OwnedBy(c.AttemptID) {
			code, change = CodeGranted, nil
		}
		return Result{Code: code, Hold: m.renewHold(l, h, h.TTL, h.Meta, change), Previous: l.History.Previous()}
	}
	place := l.Place(c.Session)
	if place < 0 && m.available(l, max(l.Limit, 1)) {
		// Another call of the session removed the ticket, and the lease is available.
		return refuse(CodeSessionInUse, l)
	}
	if place < 0 {
		return refuse(unavailable(l), l)
	}
	if t := l.Queue[place]; t.AttemptID != c.AttemptID {
		r := refuse(unavailable(l), l)
		r.Queued, r.Position = true, place+1
		return r
	}
	return m.endWait(l, place, *l.Queue[place])
}

// endWait refuses a wait that is over. The ticket stays for TicketGrace unless it is
// anonymous.
func (m *Machine) endWait(l *Lease, place int, t Ticket) Result {
	if t.Anonymous {
		return refuse(unavailable(l), m.dequeue(l, place))
	}
	t.WaitEnded = true
	t.Seq++
	t.Renewed = m.now
	l, place = m.replaceTicket(l, place, &t)
	r := refuse(unavailable(l), l)
	r.Queued, r.Position = true, place+1
	return r
}
