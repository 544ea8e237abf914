package fsm

import "slices"

// apply applies a command. Live reports whether an Expire is of a timer that the machine has
// set and not cleared, and of the current term.
func (m *model) apply(c Command, live bool) modelAnswer {
	m.events = nil
	a := m.command(c, live)
	m.serve()
	return a
}

func (m *model) command(c Command, live bool) modelAnswer {
	switch c := c.(type) {
	case *Acquire:
		return m.acquire(c)
	case *Renew:
		return m.renew(c)
	case *Release:
		return m.release(c)
	case *Transfer:
		return m.transfer(c)
	case *Break:
		return m.breakHold(c)
	case *CancelAcquire:
		return m.cancelAcquire(c)
	case *EndWait:
		return m.endWait(c)
	case *RenewSession:
		names := m.holdings(c.Session, c.Only)
		for _, name := range names {
			m.lease(name).holdOf(c.Session).attemptID = AttemptID{}
		}
		if len(names) == 0 {
			return modelAnswer{code: CodeNotHolder}
		}
		return modelAnswer{code: CodeOK, holds: names}
	case *ReleaseSession:
		return m.releaseSession(c)
	case *StepDown:
		return m.stepDown(c)
	case *AcquireAll:
		return m.acquireAll(c)
	case *Expire:
		return m.expire(c, live)
	case *Recover:
		m.quarantine = m.quarantine || c.Quarantine > 0
	}
	return modelAnswer{code: CodeOK}
}

func (m *model) acquire(c *Acquire) modelAnswer {
	if c.Attempt != "" && m.withdrawn[[2]string{c.Session, c.Name}] == c.Attempt {
		return modelAnswer{code: CodeWithdrawn}
	}
	if m.late(c.Session, c.Name, c.Sent) {
		return modelAnswer{code: CodeOutdated}
	}
	l := m.lease(c.Name)
	if h := l.holdOf(c.Session); h != nil {
		switch {
		case h.holder != c.Holder && !c.Reclaim:
			return modelAnswer{code: CodeSessionInUse}
		case h.broken:
			return modelAnswer{code: CodeBroken}
		case l.limit != c.Limit:
			return modelAnswer{code: CodeLimitMismatch}
		case c.Reclaim && h.reclaimed != (AttemptID{}) && (h.reclaimed == c.AttemptID || c.Attempt != "" && h.attempt == c.Attempt):
			h.attemptID, h.attempt, h.delay = AttemptID{}, c.Attempt, c.Delay
			m.renewHold(c.Name, h, c.TTL, c.Meta)
			return modelAnswer{code: CodeGranted, hold: h}
		case c.Reclaim && m.quarantine:
			return modelAnswer{code: CodeDelayed}
		case c.Reclaim:
			again := &modelTicket{holder: c.Holder, session: c.Session, ttl: c.TTL, delay: c.Delay, meta: c.Meta, attempt: c.Attempt}
			next := m.end(c.Name, h, EventReclaimed, 0, again)
			next.reclaimed = c.AttemptID
			return modelAnswer{code: CodeGranted, hold: next}
		}
		a := modelAnswer{code: CodeOK, hold: h}
		if h.attemptID == c.AttemptID && c.AttemptID != (AttemptID{}) {
			a.code = CodeGranted
		} else {
			h.attemptID = AttemptID{}
		}
		h.attempt, h.delay = c.Attempt, c.Delay
		m.renewHold(c.Name, h, c.TTL, c.Meta)
		return a
	}
	place := l.placeOf(c.Session)
	switch {
	case place >= 0 && l.queue[place].holder != c.Holder && !c.Reclaim:
		return modelAnswer{code: CodeSessionInUse}
	case l.active() && l.limit != c.Limit:
		return modelAnswer{code: CodeLimitMismatch}
	}
	t := &modelTicket{
		holder: c.Holder, session: c.Session, ttl: c.TTL, delay: c.Delay, meta: c.Meta, attemptID: c.AttemptID, anonymous: c.Anonymous,
		attempt: c.Attempt, priority: c.Priority,
	}
	switch room := !m.quarantine && len(l.queue) == 0 && (!l.active() || l.hasFreeSlot()); {
	case place >= 0:
		t.id = l.queue[place].id
		l.queue = slices.Delete(l.queue, place, place+1)
		place = l.enqueue(t)
		if c.Wait == 0 {
			return m.keepTicket(c.Name, place)
		}
	case !room && c.Wait == 0:
		return modelAnswer{code: l.refusal()}
	case !l.active() && m.active() >= m.maxLeases:
		return modelAnswer{code: CodeTooManyLeases}
	case room:
		l.limit = c.Limit
		return modelAnswer{code: CodeGranted, hold: m.grant(c.Name, t, l.lowestSlot())}
	default:
		l.limit = c.Limit
		place = l.enqueue(t)
	}
	return modelAnswer{code: CodeQueued, queued: true, position: place + 1}
}

// keepTicket ends a wait and keeps its ticket, or removes it if it is anonymous.
func (m *model) keepTicket(name string, place int) modelAnswer {
	l := m.lease(name)
	if l.queue[place].anonymous {
		code := l.refusal()
		m.recordEnd(l.queue[place].session, name)
		l.queue = slices.Delete(l.queue, place, place+1)
		return modelAnswer{code: code}
	}
	l.queue[place].waitEnded = true
	return modelAnswer{code: l.refusal(), queued: true, position: place + 1}
}

func (m *model) renew(c *Renew) modelAnswer {
	l := m.lease(c.Name)
	if code := l.mayRenew(c.Session, c.Token); code != CodeOK {
		return modelAnswer{code: code}
	}
	h := l.holdOf(c.Session)
	ttl, meta := h.ttl, h.meta
	if c.TTL != 0 {
		ttl = c.TTL
	}
	if c.Meta != nil {
		meta = *c.Meta
	}
	h.attemptID = AttemptID{}
	m.renewHold(c.Name, h, ttl, meta)
	return modelAnswer{code: CodeOK, hold: h}
}

func (m *model) release(c *Release) modelAnswer {
	l, which := m.lease(c.Name), [2]string{c.Session, c.Name}
	h, place := l.holdOf(c.Session), l.placeOf(c.Session)
	switch {
	case h != nil && c.Token != 0 && c.Token != h.token:
		return modelAnswer{code: CodeStaleToken}
	case h != nil && c.Attempt != "" && c.Attempt != h.attempt, place >= 0 && c.Attempt != "" && c.Attempt != l.queue[place].attempt:
		return modelAnswer{code: CodeOK}
	case h != nil:
		m.end(c.Name, h, EventReleased, c.Delay, nil)
		m.withdrawn[which] = h.attempt
		return modelAnswer{code: CodeOK, wasHeld: true}
	case c.Token != 0:
		a := modelAnswer{code: CodeOK}
		if l.previous.session == c.Session && l.previous.token == c.Token {
			a.before = l.previous.end
		}
		return a
	}
	m.recordEnd(c.Session, c.Name)
	m.withdrawn[which] = c.Attempt
	if place >= 0 {
		m.withdrawn[which] = l.queue[place].attempt
		l.queue = slices.Delete(l.queue, place, place+1)
	}
	return modelAnswer{code: CodeOK}
}

func (m *model) transfer(c *Transfer) modelAnswer {
	l := m.lease(c.Name)
	code := l.mayRenew(c.Session, c.Token)
	if p := l.previous; code != CodeOK {
		gone := l.holdOf(c.Session) == nil && c.Token == 0
		if p.end == EventTransferred && p.session == c.Session && p.to == c.To && (c.Token == p.token || gone) {
			return modelAnswer{code: CodeOK}
		}
		return modelAnswer{code: code}
	}
	i := slices.IndexFunc(l.queue, func(t *modelTicket) bool { return t.holder == c.To })
	if i < 0 || m.quarantine {
		return modelAnswer{code: CodeNoCandidate}
	}
	next := m.end(c.Name, l.holdOf(c.Session), EventTransferred, 0, l.queue[i])
	return modelAnswer{code: CodeOK, hold: next, wasHeld: true}
}

func (m *model) breakHold(c *Break) modelAnswer {
	l := m.lease(c.Name)
	i := slices.IndexFunc(l.holds, func(h *modelHold) bool { return h.token == c.Token })
	if i < 0 {
		if l.previous.end == EventBroken && l.previous.token == c.Token {
			return modelAnswer{code: CodeOK}
		}
		return modelAnswer{code: CodeStaleToken}
	}
	h := l.holds[i]
	if !h.broken {
		h.broken = true
		m.emit(modelEvent{kind: EventBroken, name: c.Name, holder: h.holder, held: m.now - h.granted})
	}
	if c.Grace == 0 {
		m.end(c.Name, h, EventBroken, h.delay, nil)
		return modelAnswer{code: CodeOK}
	}
	return modelAnswer{code: CodeOK, hold: h}
}

func (m *model) stepDown(c *StepDown) modelAnswer {
	l := m.lease(c.Name)
	i := slices.IndexFunc(l.holds, func(h *modelHold) bool { return h.token == c.Token })
	if i < 0 {
		return modelAnswer{code: CodeStaleToken}
	}
	h := l.holds[i]
	if h.broken {
		return modelAnswer{code: CodeBroken}
	}
	if h.stepDown == nil || h.stepDown.To != c.To || h.stepDown.Within != c.Within {
		h.stepDown = &StepDownRequest{To: c.To, By: c.By, Within: c.Within, At: m.now}
		m.emit(modelEvent{kind: EventStepDown, name: c.Name, holder: h.holder, to: c.To, within: c.Within})
	}
	return modelAnswer{code: CodeOK, hold: h}
}

// acquireAll checks all names first, and then acquires one after the other.
func (m *model) acquireAll(c *AcquireAll) modelAnswer {
	for _, name := range c.Names {
		if c.Attempt != "" && m.withdrawn[[2]string{c.Session, name}] == c.Attempt {
			return modelAnswer{code: CodeWithdrawn, blocked: []string{name}}
		}
		if m.late(c.Session, name, c.Sent) {
			return modelAnswer{code: CodeOutdated}
		}
	}
	a := modelAnswer{code: CodeOK}
	inUse := false
	seen := make(map[string]bool)
	fresh := 0
	for _, name := range c.Names {
		if seen[name] {
			continue
		}
		seen[name] = true
		l := m.lease(name)
		if !l.active() {
			fresh++
		}
		h, place := l.holdOf(c.Session), l.placeOf(c.Session)
		code := CodeOK
		switch {
		case h != nil && h.holder != c.Holder || place >= 0 && l.queue[place].holder != c.Holder:
			code, inUse = CodeSessionInUse, true
		case l.active() && l.limit != 1:
			code = CodeLimitMismatch
		case h != nil && h.broken:
			code = CodeHeld
		case h == nil && (m.quarantine || l.active()):
			code = l.refusal()
		}
		if code == CodeOK {
			continue
		}
		a.blocked = append(a.blocked, name)
		if a.code == CodeOK {
			a.code = code
		}
	}
	if inUse {
		a.code = CodeSessionInUse
	}
	if a.code == CodeOK && m.active()+fresh > m.maxLeases {
		a.code = CodeTooManyLeases
	}
	if a.code != CodeOK {
		return a
	}
	for i, name := range c.Names {
		one := &Acquire{
			Name: name, Holder: c.Holder, Session: c.Session, TTL: c.TTL, Limit: 1, Meta: c.Meta,
			AttemptID: AttemptID{Boot: c.AttemptID.Boot, N: c.AttemptID.N + uint64(i)}, Attempt: c.Attempt,
		}
		if h := m.lease(name).holdOf(c.Session); h != nil {
			one.Delay = h.delay
		}
		if m.acquire(one).code == CodeGranted {
			a.code = CodeGranted
		}
		a.holds = append(a.holds, name)
	}
	return a
}

func (m *model) cancelAcquire(c *CancelAcquire) modelAnswer {
	l := m.lease(c.Name)
	if c.AttemptID == (AttemptID{}) {
		return modelAnswer{code: CodeOK}
	}
	if h := l.holdOf(c.Session); h != nil && h.attemptID == c.AttemptID {
		m.end(c.Name, h, EventReleased, 0, nil)
		return modelAnswer{code: CodeOK, wasHeld: true}
	}
	place := l.placeOf(c.Session)
	if place >= 0 && l.queue[place].attemptID == c.AttemptID {
		m.recordEnd(c.Session, c.Name)
		l.queue = slices.Delete(l.queue, place, place+1)
	}
	if place < 0 && l.holdOf(c.Session) == nil {
		m.recordEnd(c.Session, c.Name)
	}
	return modelAnswer{code: CodeOK}
}

func (m *model) endWait(c *EndWait) modelAnswer {
	l := m.lease(c.Name)
	if h := l.holdOf(c.Session); h != nil && !h.broken {
		a := modelAnswer{code: CodeOK, hold: h}
		if h.attemptID == c.AttemptID && c.AttemptID != (AttemptID{}) {
			a.code = CodeGranted
		} else {
			h.attemptID = AttemptID{}
		}
		return a
	}
	place := l.placeOf(c.Session)
	switch {
	case place < 0 && !m.quarantine && len(l.queue) == 0 && (!l.active() || l.hasFreeSlot()):
		return modelAnswer{code: CodeSessionInUse}
	case place < 0:
		return modelAnswer{code: l.refusal()}
	case l.queue[place].attemptID != c.AttemptID: // another attempt of the session waits
		return modelAnswer{code: l.refusal(), queued: true, position: place + 1}
	}
	return m.keepTicket(c.Name, place)
}

func (m *model) releaseSession(c *ReleaseSession) modelAnswer {
	a := modelAnswer{code: CodeOK}
	only := c.Only
	if len(only) == 0 {
		m.recordEnd(c.Session, "")
		for _, name := range m.names() {
			only = append(only, Ref{Name: name})
		}
	}
	for _, r := range only {
		l := m.lease(r.Name)
		if h := l.holdOf(c.Session); h != nil && (r.Token == 0 || r.Token == h.token) {
			m.end(r.Name, h, EventReleased, 0, nil)
			a.holds = append(a.holds, r.Name)
			m.serve()
		} else if place := l.placeOf(c.Session); place >= 0 && r.Token == 0 {
			m.recordEnd(c.Session, r.Name)
			l.queue = slices.Delete(l.queue, place, place+1)
			a.queuesLeft = append(a.queuesLeft, r.Name)
		}
	}
	return a
}

func (m *model) expire(c *Expire, live bool) modelAnswer {
	if !live {
		return modelAnswer{code: CodeNotHolder}
	}
	l := m.lease(c.Name)
	switch c.Timer {
	case TimerHold:
		h := l.holds[slices.IndexFunc(l.holds, func(h *modelHold) bool { return h.token == c.ID })]
		how := EventExpired
		if h.broken {
			how = EventBroken
		}
		m.end(c.Name, h, how, h.delay, nil)
		return modelAnswer{code: CodeOK, wasHeld: true}
	case TimerDelay:
		i := slices.IndexFunc(l.cooldowns, func(h *modelHold) bool { return h.token == c.ID })
		h := l.cooldowns[i]
		l.cooldowns = slices.Delete(l.cooldowns, i, i+1)
		if len(l.queue) == 0 || m.quarantine {
			m.emit(modelEvent{kind: EventFree, name: c.Name, holder: h.holder, cause: h.cause})
		}
	case TimerTicket:
		i := slices.IndexFunc(l.queue, func(t *modelTicket) bool { return t.id == c.ID })
		m.recordEnd(l.queue[i].session, c.Name)
		l.queue = slices.Delete(l.queue, i, i+1)
	case TimerQuarantine:
		m.quarantine = false
	}
	return modelAnswer{code: CodeOK}
}
