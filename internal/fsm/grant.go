package fsm

import "slices"

// ending has the parameters of the end of a hold.
type ending struct {
	delay Millis  // the cooldown of the slot
	to    *Ticket // transferred, reclaimed: the ticket that is granted

	reclaimed *AttemptID // reclaimed: the attempt
}

// end ends a hold and grants its slot to the next waiter in the same entry, so there is no
// vacancy and the order of the queue is exact. It returns the new hold of a transfer or a
// reclaim.
func (m *Machine) end(l *Lease, h *Hold, how EventType, e ending) (next *Hold) {
	l = l.Edit()
	l.Holds = slices.DeleteFunc(slices.Clone(l.Holds), func(o *Hold) bool { return o == h })
	m.recordEnd(h.Session, l.Name)
	m.sessions.remove(h.Session, l.Name)
	m.applied.disarm(TimerHold, l.Name, h.Token)
	if h.Break == nil || how == EventReleased {
		ended := &Event{Type: how, Holder: h.Holder, Token: h.Token, Held: m.now - h.Granted}
		if how == EventTransferred {
			ended.Request = &Request{To: e.to.Holder}
		}
		m.emit(l, ended)
	} else {
		m.revision++ // the event of the break was emitted when it was requested
	}
	p := &Previous{Holder: h.Holder, Session: h.Session, Token: h.Token, End: how, At: m.now}
	if e.to != nil {
		p.To = e.to.Holder
	}
	l.History.Ended, l.History.Wall = p, m.wall
	switch {
	case e.to != nil:
		l.Queue = slices.DeleteFunc(slices.Clone(l.Queue), func(o *Ticket) bool { return o == e.to })
		l, next = m.grant(l, e.to, h.Slot)
		if how == EventReclaimed {
			next.AttemptID, next.Reclaimed = AttemptID{}, e.reclaimed // no attempt owns it
		}
	case e.delay > 0:
		c := Cooldown{
			Slot: h.Slot, Holder: h.Holder, Token: h.Token, Seq: 1, For: e.delay, From: m.now, Cause: how,
		}
		l.Cooldowns = append(slices.Clip(l.Cooldowns), c)
		m.emit(l, &Event{Type: EventDelayed, Holder: h.Holder, Token: h.Token, Cause: how})
		m.applied.arm(delayTimer(l.Name, c))
	case how == EventBroken && !m.canGrant(l):
		m.emit(l, &Event{Type: EventFree, Holder: h.Holder, Token: h.Token, Cause: how})
	}
	m.put(m.fill(l))
	return next
}

// canGrant reports whether a free slot of the lease would be granted to a waiter.
func (m *Machine) canGrant(l *Lease) bool { return len(l.Queue) > 0 && m.quarantine.For == 0 }

// fill grants the free slots of a lease to its waiters, in the order of the queue.
func (m *Machine) fill(l *Lease) *Lease {
	for m.canGrant(l) && len(l.Holds)+len(l.Cooldowns) < l.Limit {
		t := l.Queue[0]
		l.Queue = l.Queue[1:]
		l, _ = m.grant(l, t, -1)
	}
	return l
}

// grant grants a lease that is being edited to a ticket, at a slot, or at the lowest free
// one if slot is -1. The token is the revision of the grant.
func (m *Machine) grant(l *Lease, t *Ticket, slot int) (*Lease, *Hold) {
	if slot < 0 {
		slot = l.FreeSlot()
	}
	h := &Hold{
		Holder: t.Holder, Session: t.Session, Token: m.revision + 1, Slot: slot, TTL: t.TTL, Delay: t.Delay,
		Seq: 1, Origin: t.Origin, Meta: t.Meta, Granted: m.now, Renewed: m.now,
	}
	previous := l.History.Previous()
	vacancy := Millis(-1)
	if previous.Token != 0 {
		vacancy = m.now - previous.At
	}
	m.emit(l, &Event{
		Type: EventAcquired, Holder: h.Holder, Token: h.Token, Cause: previous.End, Vacancy: vacancy, Meta: h.Meta,
	})
	l.History.Transitions++
	l.Holds = append(slices.Clip(l.Holds), h)
	m.longestTTL = max(m.longestTTL, h.TTL)
	m.applied.arm(holdTimer(l.Name, h))
	if t.ID != 0 {
		m.applied.disarm(TimerTicket, l.Name, t.ID)
		m.applied.Grants = append(m.applied.Grants, Grant{Name: l.Name, Hold: h, Previous: previous, Revision: m.revision})
	}
	return l, h
}

// dequeue removes the ticket at a place of the queue.
func (m *Machine) dequeue(l *Lease, place int) *Lease {
	t := l.Queue[place]
	l = l.Edit()
	l.Queue = slices.Delete(slices.Clone(l.Queue), place, place+1)
	m.recordEnd(t.Session, l.Name)
	m.sessions.remove(t.Session, l.Name)
	m.applied.disarm(TimerTicket, l.Name, t.ID)
	m.applied.Departures = append(m.applied.Departures, Departure{l.Name, t.Session, t.AttemptID})
	m.revision++
	m.put(l)
	return l
}
