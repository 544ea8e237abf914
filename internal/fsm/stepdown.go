package fsm

// StepDown requests a holder to hand over. It does not end the hold: the holder receives the
// request with its next renewal, and transfers or releases the lease itself. The token
// identifies the hold, so that a repeat never applies to a later one.
type StepDown struct {
	Sender

	Name   string
	Token  uint64
	To     string // the requested next holder name; may be empty
	Within Millis // the time that the holder has; 0: no limit
	By     string // the operator
}

func (*StepDown) kind() kind { return 15 }

// Traits implements Command.
func (*StepDown) Traits() Traits {
	return Traits{Lane: LaneDefault, Weight: 1, Idempotent: true}
}

// Validate names every field out of bounds.
func (c *StepDown) Validate() error {
	var v validation
	v.name("name", c.Name)
	v.token("token", c.Token, false)
	if c.To != "" {
		v.holder("to", c.To)
	}
	v.between("within_ms", int64(c.Within), 0, int64(MaxWithin))
	if c.By != "" {
		v.text("by", c.By, MaxAddressBytes)
	}
	return v.err()
}

func (c *StepDown) encode(e *encoder) {
	e.String(c.Name)
	e.Uint(c.Token)
	e.String(c.To)
	e.Millis(c.Within)
	e.String(c.By)
}

func (c *StepDown) decode(d *decoder) {
	c.Name = d.String(MaxStoredNameBytes)
	c.Token = d.Uint()
	c.To = d.String(MaxHolderBytes)
	c.Within = d.Millis()
	c.By = d.String(MaxAddressBytes)
}

func (c *StepDown) apply(m *Machine) Result {
	l := m.Lease(c.Name)
	h := l.HoldBy(c.Token)
	switch {
	case h == nil:
		return refuse(CodeStaleToken, l)
	case h.Break != nil:
		return refuse(CodeBroken, l)
	case h.StepDown != nil && h.StepDown.To == c.To && h.StepDown.Within == c.Within:
		return Result{Code: CodeOK, Hold: h} // a repeat: its time is running already
	}
	l = l.Edit()
	n := *h
	n.StepDown = &StepDownRequest{To: c.To, By: c.By, Within: c.Within, At: m.now}
	l.Replace(h, &n)
	m.emit(l, &Event{
		Type: EventStepDown, Holder: n.Holder, Token: n.Token,
		Request: &Request{To: c.To, By: c.By, Within: c.Within},
	})
	m.put(l)
	return Result{Code: CodeOK, Hold: &n}
}
