package fsm

// CancelAcquire removes the ticket of an attempt whose client is gone, or ends the hold
// that could not be delivered to it. It changes nothing that another attempt owns.
type CancelAcquire struct {
	Name      string
	Session   string
	AttemptID AttemptID
}

// Cancels implements Acquiring.
func (c *Acquire) Cancels() []*CancelAcquire {
	return []*CancelAcquire{{Name: c.Name, Session: c.Session, AttemptID: c.AttemptID}}
}

// Cancels implements Acquiring.
func (c *AcquireAll) Cancels() []*CancelAcquire {
	all := make([]*CancelAcquire, 0, len(c.Names))
	for i := range c.Names {
		all = append(all, c.each(i).Cancels()...)
	}
	return all
}

func (*CancelAcquire) kind() kind { return 8 }

// Traits implements Command.
func (c *CancelAcquire) Traits() Traits {
	return Traits{Lane: LaneDefault, Session: c.Session, Weight: 1, Idempotent: true}
}

// Validate names every field out of bounds.
func (c *CancelAcquire) Validate() error {
	var v validation
	v.name("name", c.Name)
	v.session("session", c.Session)
	if c.AttemptID == (AttemptID{}) {
		v.addf("attach", "must name an attempt")
	}
	return v.err()
}

func (c *CancelAcquire) encode(e *encoder) {
	e.String(c.Name)
	e.String(c.Session)
	e.AttemptID(c.AttemptID)
}

func (c *CancelAcquire) decode(d *decoder) {
	c.Name = d.String(MaxStoredNameBytes)
	c.Session = d.String(MaxSessionBytes)
	c.AttemptID = d.AttemptID()
}

func (c *CancelAcquire) apply(m *Machine) Result {
	l := m.Lease(c.Name)
	h, place := l.HoldOf(c.Session), l.Place(c.Session)
	switch {
	case h != nil && h.OwnedBy(c.AttemptID):
		m.end(l, h, EventReleased, ending{})
		return Result{Code: CodeOK, WasHeld: true}
	case place >= 0 && l.Queue[place].AttemptID == c.AttemptID:
		m.dequeue(l, place)
	case h == nil && place < 0:
		m.recordEndOfNothing(c.Session, c.Name) // the acquire may still be on its way
	}
	return Result{Code: CodeOK}
}
