package fsm

import "slices"

// Expire is a leader's decision that a Timer of the machine has expired. It takes effect
// only in the Raft term in which it was decided, and only if Seq is current: a renewal
// that was logged before it has another one.
type Expire struct {
	Timer TimerKind
	Name  string
	ID    uint64
	Seq   uint64
}

func (*Expire) kind() kind { return 10 }

// Traits implements Command.
func (*Expire) Traits() Traits {
	return Traits{Lane: LaneExpiry, Weight: 1, Idempotent: true, Internal: true}
}

// Validate returns nil: leaders make these from the machine's timers.
func (c *Expire) Validate() error { return nil }

func (c *Expire) encode(e *encoder) {
	e.Uint(uint64(c.Timer))
	e.String(c.Name)
	e.Uint(c.ID)
	e.Uint(c.Seq)
}

func (c *Expire) decode(d *decoder) {
	c.Timer = TimerKind(d.ByteOf(uint64(timerEnd) - 1))
	c.Name = d.String(MaxStoredNameBytes)
	c.ID = d.Uint()
	c.Seq = d.Uint()
}

func (c *Expire) apply(m *Machine) Result {
	if m.packedTerm != m.term {
		return Result{Code: CodeNotHolder}
	}
	if c.Timer == TimerQuarantine {
		return c.endQuarantine(m)
	}
	if c.Timer == TimerElection {
		if m.documents.Expire(&objectHost{Machine: m}, c.Name, c.ID) {
			return Result{Code: CodeOK}
		}
		return Result{Code: CodeNotHolder}
	}
	if l := m.Lease(c.Name); c.end(m, l) {
		return Result{Code: CodeOK, WasHeld: c.Timer == TimerHold}
	}
	return Result{Code: CodeNotHolder}
}

// end ends what the timer is of, if that is current.
func (c *Expire) end(m *Machine, l *Lease) bool {
	switch c.Timer {
	case TimerHold:
		return c.endHold(m, l)
	case TimerDelay:
		for i := range l.Cooldowns {
			if l.Cooldowns[i].Token == c.ID && l.Cooldowns[i].Seq == c.Seq {
				c.endCooldown(m, l, i)
				return true
			}
		}
	case TimerTicket:
		for i, t := range l.Queue {
			if t.ID == c.ID && t.Seq == c.Seq {
				m.dequeue(l, i)
				return true
			}
		}
	}
	return false
}

func (c *Expire) endHold(m *Machine, l *Lease) bool {
	if h := l.HoldBy(c.ID); h != nil && h.Seq == c.Seq {
		end := EventExpired
		if h.Break != nil {
			end = EventBroken
		}
		m.end(l, h, end, ending{delay: h.Delay})
		return true
	}
	return false
}

// endCooldown makes the slot of a cooldown available.
func (c *Expire) endCooldown(m *Machine, l *Lease, i int) {
	cooldown := l.Cooldowns[i]
	l = l.Edit()
	l.Cooldowns = slices.Delete(slices.Clone(l.Cooldowns), i, i+1)
	m.applied.disarm(TimerDelay, l.Name, cooldown.Token)
	if !m.canGrant(l) {
		m.emit(l, &Event{Type: EventFree, Holder: cooldown.Holder, Token: cooldown.Token, Cause: cooldown.Cause})
	}
	m.put(m.fill(l))
}

// endQuarantine ends the quarantine and grants free leases to their waiters.
func (c *Expire) endQuarantine(m *Machine) Result {
	if m.quarantine.For == 0 || m.quarantine.Seq != c.Seq {
		return Result{Code: CodeNotHolder}
	}
	m.quarantine.For = 0
	m.revision++
	m.applied.disarm(TimerQuarantine, "", 0)
	var waiting []*Lease
	m.leases.Scan(func(l *Lease) bool {
		if len(l.Queue) > 0 {
			waiting = append(waiting, l)
		}
		return true
	})
	for _, l := range waiting {
		m.put(m.fill(l.Edit()))
	}
	for _, name := range m.documents.Subjects() {
		m.documents.Elect(&objectHost{Machine: m}, name)
	}
	return Result{Code: CodeOK}
}
