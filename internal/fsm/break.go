package fsm

// Break ends a hold on request of an operator: renewals are refused at once, and the lease
// is free after the grace. The token identifies the hold, so that a repeat never ends a
// later one.
type Break struct {
	Sender

	Name   string
	Token  uint64
	Reason string
	By     string // the operator
	Grace  Millis // InheritGrace: until the holder's last promise ends; 0: at once
}

func (*Break) kind() kind { return 7 }

// Traits implements Command.
func (*Break) Traits() Traits {
	return Traits{Lane: LaneDefault, Weight: 1, Idempotent: true}
}

// Validate names every field out of bounds.
func (c *Break) Validate() error {
	var v validation
	v.name("name", c.Name)
	v.token("token", c.Token, false)
	v.printable("reason", c.Reason, MaxReasonChars)
	if c.By != "" {
		v.text("by", c.By, MaxAddressBytes)
	}
	if c.Grace != InheritGrace {
		v.between("grace_ms", int64(c.Grace), 0, int64(MaxGrace))
	}
	return v.err()
}

func (c *Break) encode(e *encoder) {
	e.String(c.Name)
	e.Uint(c.Token)
	e.String(c.Reason)
	e.String(c.By)
	e.Millis(c.Grace)
}

func (c *Break) decode(d *decoder) {
	c.Name = d.String(MaxStoredNameBytes)
	c.Token = d.Uint()
	c.Reason = d.String(MaxReasonBytes)
	c.By = d.String(MaxAddressBytes)
	c.Grace = d.Millis()
}

func (c *Break) apply(m *Machine) Result {
	l := m.Lease(c.Name)
	h := l.HoldBy(c.Token)
	if h == nil {
		if p := l.History.Previous(); p.Token == c.Token && p.End == EventBroken {
			return Result{Code: CodeOK}
		}
		return refuse(CodeStaleToken, l)
	}
	grace := c.Grace
	if h.TTL == 0 && grace == InheritGrace {
		grace = 0 // its holder was promised no end
	}
	first := h.Break == nil
	if !first && grace != 0 {
		return Result{Code: CodeOK, Hold: h} // a repeat; only a grace of 0 shortens the one that runs
	}
	l = l.Edit()
	n := *h
	n.Seq++
	n.Break = &Breaking{Reason: c.Reason, By: c.By, Grace: grace, At: m.now}
	l.Replace(h, &n)
	if first {
		m.emit(l, &Event{
			Type: EventBroken, Holder: n.Holder, Token: n.Token, Held: m.now - n.Granted,
			Request: &Request{Reason: c.Reason, By: c.By},
		})
	}
	m.put(l)
	if grace == 0 {
		m.end(l, &n, EventBroken, ending{delay: n.Delay})
		return Result{Code: CodeOK}
	}
	m.applied.arm(holdTimer(l.Name, &n))
	return Result{Code: CodeOK, Hold: &n}
}
