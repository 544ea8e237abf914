package fsm

import (
	"maps"
	"slices"
)

// model is a simple second implementation of the machine: plain values, linear scans, no
// index, no revision and no sharing. It copies tokens and ticket IDs from the machine, and
// computes everything else itself.
type model struct {
	now        Millis
	leases     map[string]*modelLease
	quarantine bool
	maxLeases  int
	revision   uint64               // of the machine, before the current command
	withdrawn  map[[2]string]string // by session and name: the attempt whose release was the last end
	ends       map[[2]string]uint64 // by session and name: the revision before the command that ended what it had
	events     []modelEvent         // of the current command
}

type modelLease struct {
	limit     int
	holds     []*modelHold // in the order of their grants
	cooldowns []*modelHold // ended, their slots are not available yet
	queue     []*modelTicket
	previous  modelPrevious
	grants    int
}

type modelHold struct {
	holder, session string
	token           uint64 // 0: granted by the current command
	slot            int
	ttl, delay      Millis
	meta            string
	attemptID       AttemptID
	attempt         string
	reclaimed       AttemptID
	granted         Millis
	broken          bool
	stepDown        *StepDownRequest
	cause           EventType // of a cooldown
}

type modelTicket struct {
	id              uint64 // 0: queued by the current command
	holder, session string
	ttl, delay      Millis
	priority        int
	meta            string
	attemptID       AttemptID
	attempt         string
	anonymous       bool
	waitEnded       bool
}

type modelPrevious struct {
	holder, session string
	token           uint64
	end             EventType
	to              string
	at              Millis
}

type modelEvent struct {
	kind         EventType
	name, holder string
	cause        EventType
	held         Millis
	vacancy      Millis
	meta         string
	to           string
	within       Millis
}

// modelAnswer has the fields of a Result that the model computes.
type modelAnswer struct {
	code       Code
	hold       *modelHold
	queued     bool
	position   int
	wasHeld    bool
	before     EventType // release: how the hold with its token had ended
	holds      []string
	queuesLeft []string
	blocked    []string
}

func newModel() *model {
	return &model{leases: make(map[string]*modelLease), maxLeases: MaxLeases, ends: make(map[[2]string]uint64), withdrawn: make(map[[2]string]string)}
}

// recordEnd records that a session neither holds nor waits for a name; any name if it is "".
func (m *model) recordEnd(session, name string) {
	m.ends[[2]string{session, name}] = m.revision
	delete(m.withdrawn, [2]string{session, name})
}

// late reports whether an acquire was sent before its session's last end.
func (m *model) late(session, name string, sent uint64) bool {
	for _, of := range []string{name, ""} {
		if before, ok := m.ends[[2]string{session, of}]; ok && sent != 0 && sent <= before {
			return true
		}
	}
	return false
}

func (m *model) lease(name string) *modelLease {
	if m.leases[name] == nil {
		m.leases[name] = &modelLease{limit: 1}
	}
	return m.leases[name]
}

func (m *model) names() []string { return slices.Sorted(maps.Keys(m.leases)) }

func (m *model) active() (n int) {
	for _, l := range m.leases {
		if l.active() {
			n++
		}
	}
	return n
}

func (l *modelLease) active() bool { return len(l.holds)+len(l.cooldowns)+len(l.queue) > 0 }

func (l *modelLease) holdOf(session string) *modelHold {
	i := slices.IndexFunc(l.holds, func(h *modelHold) bool { return h.session == session })
	if i < 0 {
		return nil
	}
	return l.holds[i]
}

func (l *modelLease) placeOf(session string) int {
	return slices.IndexFunc(l.queue, func(t *modelTicket) bool { return t.session == session })
}

func (l *modelLease) hasFreeSlot() bool { return len(l.holds)+len(l.cooldowns) < l.limit }

func (l *modelLease) lowestSlot() int {
	for slot := 0; ; slot++ {
		if !slices.ContainsFunc(slices.Concat(l.holds, l.cooldowns), func(h *modelHold) bool { return h.slot == slot }) {
			return slot
		}
	}
}

// mayRenew returns whether renew and transfer are allowed.
func (l *modelLease) mayRenew(session string, token uint64) Code {
	h, p := l.holdOf(session), l.previous
	switch {
	case h == nil && p.end == EventBroken && p.session == session && (token == 0 || token == p.token):
		return CodeBroken
	case h == nil:
		return CodeNotHolder
	case token != 0 && token != h.token:
		return CodeStaleToken
	case h.broken:
		return CodeBroken
	}
	return CodeOK
}

func (l *modelLease) refusal() Code {
	if len(l.holds) > 0 {
		return CodeHeld
	}
	return CodeDelayed
}

// enqueue inserts a ticket by priority and ID, and returns its place.
func (l *modelLease) enqueue(t *modelTicket) int {
	place := 0
	for _, o := range l.queue {
		if o.priority > t.priority || o.priority == t.priority && (t.id == 0 || o.id < t.id) {
			place++
		}
	}
	l.queue = slices.Insert(l.queue, place, t)
	return place
}

func (m *model) emit(e modelEvent) { m.events = append(m.events, e) }

func (m *model) grant(name string, t *modelTicket, slot int) *modelHold {
	l := m.lease(name)
	h := &modelHold{
		holder: t.holder, session: t.session, slot: slot, ttl: t.ttl, delay: t.delay, meta: t.meta,
		attemptID: t.attemptID, attempt: t.attempt, granted: m.now,
	}
	l.holds = append(l.holds, h)
	l.grants++
	vacancy := Millis(-1)
	if l.previous.end != 0 {
		vacancy = m.now - l.previous.at
	}
	m.emit(modelEvent{kind: EventAcquired, name: name, holder: h.holder, cause: l.previous.end, vacancy: vacancy, meta: h.meta})
	return h
}

// serve grants the free slots to waiters: after each command no session waits for an
// available lease.
func (m *model) serve() {
	for _, name := range m.names() {
		l := m.lease(name)
		for !m.quarantine && len(l.queue) > 0 && l.hasFreeSlot() {
			t := l.queue[0]
			l.queue = l.queue[1:]
			m.grant(name, t, l.lowestSlot())
		}
	}
}

func (m *model) end(name string, h *modelHold, how EventType, delay Millis, to *modelTicket) *modelHold {
	l := m.lease(name)
	l.holds = slices.DeleteFunc(l.holds, func(o *modelHold) bool { return o == h })
	m.recordEnd(h.session, name)
	if !h.broken || how == EventReleased {
		e := modelEvent{kind: how, name: name, holder: h.holder, held: m.now - h.granted}
		if how == EventTransferred {
			e.to = to.holder
		}
		m.emit(e)
	}
	l.previous = modelPrevious{holder: h.holder, session: h.session, token: h.token, end: how, at: m.now}
	if to != nil {
		l.previous.to = to.holder
		l.queue = slices.DeleteFunc(l.queue, func(o *modelTicket) bool { return o == to })
		return m.grant(name, to, h.slot)
	}
	served := len(l.queue) > 0 && !m.quarantine
	switch {
	case delay > 0:
		h.cause = how
		l.cooldowns = append(l.cooldowns, h)
		m.emit(modelEvent{kind: EventDelayed, name: name, holder: h.holder, cause: how})
	case how == EventBroken && !served:
		m.emit(modelEvent{kind: EventFree, name: name, holder: h.holder, cause: how})
	}
	return nil
}

func (m *model) renewHold(name string, h *modelHold, ttl Millis, meta string) {
	h.ttl = ttl
	if meta != h.meta {
		h.meta = meta
		m.emit(modelEvent{kind: EventMeta, name: name, holder: h.holder, meta: meta})
	}
}

// holdings returns the names of a session's holds, in order.
func (m *model) holdings(session string, only []Ref) (names []string) {
	if len(only) > 0 {
		for _, r := range only {
			if m.lease(r.Name).mayRenew(session, r.Token) == CodeOK {
				names = append(names, r.Name)
			}
		}
		return names
	}
	for _, name := range m.names() {
		if m.lease(name).mayRenew(session, 0) == CodeOK {
			names = append(names, name)
		}
	}
	return names
}

// learn copies tokens and ticket IDs from the machine.
func (m *model) learn(from *Machine) {
	for name, l := range m.leases {
		real := from.Lease(name)
		for _, h := range l.holds {
			if r := real.HoldOf(h.session); r != nil && h.token == 0 {
				h.token = r.Token
			}
		}
		for _, t := range l.queue {
			if place := real.Place(t.session); place >= 0 {
				t.id = real.Queue[place].ID
			}
		}
	}
}
