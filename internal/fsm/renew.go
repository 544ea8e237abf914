package fsm

// Renew renews a hold. It never acquires the lease, because that would hide a loss. The
// leader logs only renewals that change the hold or whose TTL is above ShortTTL. The
// others are confirmed by a quorum.
type Renew struct {
	Sender

	Name    string
	Session string
	Token   uint64  // 0: any
	TTL     Millis  // 0: unchanged
	Meta    *string // nil: unchanged
}

func (*Renew) kind() kind { return 2 }

// Traits implements Command.
func (c *Renew) Traits() Traits {
	return Traits{Lane: LaneRenewal, Session: c.Session, Weight: 1, Idempotent: true, FinalRefusal: true}
}

// Validate names every field out of bounds.
func (c *Renew) Validate() error {
	var v validation
	v.name("name", c.Name)
	v.session("session", c.Session)
	v.token("token", c.Token, true)
	if c.TTL != 0 {
		v.between("ttl_ms", int64(c.TTL), int64(MinTTL), int64(MaxTTL))
	}
	if c.Meta != nil {
		v.meta("meta", *c.Meta)
	}
	return v.err()
}

func (c *Renew) encode(e *encoder) {
	e.String(c.Name)
	e.String(c.Session)
	e.Uint(c.Token)
	e.Millis(c.TTL)
	e.Bool(c.Meta != nil)
	if c.Meta != nil {
		e.String(*c.Meta)
	}
}

func (c *Renew) decode(d *decoder) {
	c.Name = d.String(MaxStoredNameBytes)
	c.Session = d.String(MaxSessionBytes)
	c.Token = d.Uint()
	c.TTL = d.Millis()
	if d.Bool() {
		meta := d.String(MaxMetaBytes)
		c.Meta = &meta
	}
}

func (c *Renew) apply(m *Machine) Result {
	l := m.Lease(c.Name)
	h, code := FindHold(l, c.Session, c.Token)
	if code != CodeOK {
		return refuse(code, l)
	}
	ttl, meta := h.TTL, h.Meta
	if c.TTL != 0 {
		ttl = c.TTL
	}
	if c.Meta != nil {
		meta = *c.Meta
	}
	if code := m.outgrows(c.Name, h.Meta, meta); code != CodeOK {
		return refuse(code, l)
	}
	return Result{Code: CodeOK, Hold: m.renewHold(l, h, ttl, meta, (*Hold).ClearAttemptID)}
}

// FindHold returns the hold of a session with a token, or with any if token is 0, and CodeOK.
// If there is none that may be renewed, it returns the reason.
func FindHold(l *Lease, session string, token uint64) (*Hold, Code) {
	h := l.HoldOf(session)
	switch {
	case h == nil && l.History.Previous().Session == session && l.History.Previous().End == EventBroken &&
		(token == 0 || token == l.History.Previous().Token):
		return nil, CodeBroken
	case h == nil:
		return nil, CodeNotHolder
	case token != 0 && h.Token != token:
		return nil, CodeStaleToken
	case h.Break != nil:
		return nil, CodeBroken
	}
	return h, CodeOK
}

// renewHold replaces a hold by a renewed one and restarts its timer. Change, if not nil, is
// applied to the new hold.
func (m *Machine) renewHold(l *Lease, h *Hold, ttl Millis, meta string, change func(*Hold)) *Hold {
	n := *h
	n.TTL = ttl
	n.Seq++
	n.Renewed = m.now
	m.longestTTL = max(m.longestTTL, ttl)
	if change != nil {
		change(&n)
	}
	l = l.Edit()
	if meta != h.Meta {
		n.Meta = meta
		m.emit(l, &Event{Type: EventMeta, Holder: n.Holder, Token: n.Token, Meta: meta})
	}
	l.Replace(h, &n)
	m.put(l)
	m.applied.arm(holdTimer(l.Name, &n))
	return &n
}
