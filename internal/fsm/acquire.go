package fsm

import "slices"

// Acquire takes a lease, or a place in its queue. A repeat by a session that
// holds the lease renews it; a repeat by one that waits keeps its place.
type Acquire struct {
	Name      string
	Holder    string
	Session   string
	Anonymous bool // the session was made for the caller, who may never learn it
	TTL       Millis
	Wait      Millis // 0: do not queue
	Delay     Millis
	Limit     int
	Meta      string
	Attach    Attach
}

func (c *Acquire) kind() kind { return kindAcquire }

// Validate names every field out of bounds.
func (c *Acquire) Validate() error {
	var v validation
	v.name("name", c.Name)
	v.holder("holder", c.Holder)
	v.session("session", c.Session)
	v.between("ttl_ms", int64(c.TTL), int64(MinTTL), int64(MaxTTL))
	v.between("wait_ms", int64(c.Wait), 0, int64(MaxWait))
	v.between("delay_ms", int64(c.Delay), 0, int64(MaxDelay))
	v.between("limit", int64(c.Limit), 1, MaxLimit)
	v.meta("meta", c.Meta)
	return v.err()
}

func (c *Acquire) encode(e *encoder) {
	e.string(c.Name)
	e.string(c.Holder)
	e.string(c.Session)
	e.bool(c.Anonymous)
	e.millis(c.TTL)
	e.millis(c.Wait)
	e.millis(c.Delay)
	e.uint(uint64(c.Limit))
	e.string(c.Meta)
	e.attach(c.Attach)
}

func (c *Acquire) decode(d *decoder) {
	c.Name = d.string(MaxStoredNameBytes)
	c.Holder = d.string(MaxHolderBytes)
	c.Session = d.string(MaxSessionBytes)
	c.Anonymous = d.bool()
	c.TTL = d.millis()
	c.Wait = d.millis()
	c.Delay = d.millis()
	c.Limit = d.limit()
	c.Meta = d.string(MaxMetaBytes)
	c.Attach = d.attach()
}

func (c *Acquire) apply(m *Machine) Result {
	l := m.lease(c.Name)
	if h := l.HoldOf(c.Session); h != nil {
		return m.reacquire(l, h, c)
	}
	place := l.Place(c.Session)
	if place >= 0 && l.Queue[place].Holder != c.Holder {
		return m.refuse(CodeSessionInUse, l)
	}
	if l.active() && l.Limit != c.Limit {
		return m.refuse(CodeLimitMismatch, l)
	}
	if place >= 0 {
		return m.requeue(l, place, c)
	}
	return m.newcomer(l, c)
}

// reacquire answers a session that holds the lease already: the same token,
// and renewed. The attempt that was granted, asked again because its answer was
// lost between nodes, has a new hold still; any other one finds a hold that its
// session may be working with, and that no clean-up may end any more.
func (m *Machine) reacquire(l *Lease, h *Hold, c *Acquire) Result {
	switch {
	case h.Holder != c.Holder:
		return m.refuse(CodeSessionInUse, l)
	case h.Break != nil:
		return m.refuse(CodeBroken, l)
	case l.Limit != c.Limit:
		return m.refuse(CodeLimitMismatch, l)
	}
	code, attach := CodeOK, Attach{}
	if h.attachedBy(c.Attach) {
		code, attach = CodeGranted, c.Attach
	}
	h = m.renewHold(l, h, c.TTL, c.Meta, func(h *Hold) {
		h.Attach = attach
		h.Delay = c.Delay
	})
	return Result{Code: code, Hold: h, Previous: l.Trail.Previous}
}

// requeue attaches a repeated acquire to the ticket that its session has.
func (m *Machine) requeue(l *Lease, place int, c *Acquire) Result {
	t := *l.Queue[place]
	t.TTL, t.Delay, t.Meta, t.Attach, t.Anonymous = c.TTL, c.Delay, c.Meta, c.Attach, c.Anonymous
	if c.Wait == 0 {
		return m.park(l, place, t)
	}
	t.Wait, t.Parked = c.Wait, false
	t.Seq++
	t.Renewed = m.now
	l = l.edit()
	l.Queue = slices.Clone(l.Queue)
	l.Queue[place] = &t
	m.put(l)
	m.arm(ticketTimer(l.Name, &t))
	return m.queued(l, place)
}

// newcomer answers a session that neither holds the lease nor waits for it.
func (m *Machine) newcomer(l *Lease, c *Acquire) Result {
	available := m.quarantine.For == 0 && len(l.Queue) == 0 && len(l.Holds)+len(l.Cooling) < c.Limit
	if !available && c.Wait == 0 {
		return m.refuse(m.unavailable(l), l)
	}
	if !available && len(l.Queue) >= MaxQueue {
		return m.refuse(CodeQueueFull, l)
	}
	if !l.active() && m.leases.Len() >= m.maxLeases || m.perSession[c.Session] >= MaxSessionLeases {
		return m.refuse(CodeTooManyLeases, l)
	}
	l = l.edit()
	l.Limit = c.Limit
	m.remember(c.Session, c.Name)
	if available {
		l, h := m.grant(l, &Ticket{
			Holder: c.Holder, Session: c.Session, TTL: c.TTL, Delay: c.Delay, Meta: c.Meta, Attach: c.Attach,
		}, -1)
		previous := l.Trail.Previous
		m.put(l)
		return Result{Code: CodeGranted, Hold: h, Previous: previous}
	}
	m.revision++
	t := &Ticket{
		ID: m.revision, Holder: c.Holder, Session: c.Session, TTL: c.TTL, Delay: c.Delay, Wait: c.Wait,
		Meta: c.Meta, Anonymous: c.Anonymous, Seq: 1, Attach: c.Attach, Queued: m.now, Renewed: m.now,
	}
	l.Queue = append(slices.Clip(l.Queue), t)
	m.waiting++
	m.put(l)
	m.arm(ticketTimer(l.Name, t))
	return m.queued(l, len(l.Queue)-1)
}

func (m *Machine) queued(l *Lease, place int) Result {
	return Result{Code: CodeQueued, Lease: l, Queued: true, Position: place + 1}
}

// unavailable says why a lease that is not available is not: a delay or the
// quarantine keeps it from everybody, or somebody holds it.
func (m *Machine) unavailable(l *Lease) Code {
	if len(l.Holds) == 0 {
		return CodeDelayed
	}
	return CodeHeld
}
