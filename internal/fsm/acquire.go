package fsm

import (
	"cmp"
	"slices"

	"github.com/lockd/lockd/internal/fsm/lease"
)

// Acquire takes a lease, or a place in its queue. If the session holds the lease already,
// it renews the hold. If the session waits already, it keeps its place.
type Acquire struct {
	Sender

	Name      string
	Holder    string
	Session   string
	Anonymous bool // the node generated the session; the caller may never receive it
	TTL       Millis
	Wait      Millis // 0: do not queue
	Delay     Millis
	Limit     int
	Priority  int // in the queue; it never ends a hold
	Meta      string
	AttemptID AttemptID

	// Attempt is the caller's own ID of its attempt, the same in each repeat of it, or
	// empty. A Release can name it.
	Attempt string

	// Reclaim gives a session that holds the lease a new token: its process was
	// restarted, and the requests of the former process must be refused.
	Reclaim bool

	// Sent is a revision that the node had applied or seen before it sent the command; 0
	// if it is not known. The machine refuses the command with CodeOutdated if the
	// session has stopped holding or waiting for the name since.
	Sent uint64
}

func (*Acquire) kind() kind { return 1 }

// Traits implements Command.
func (c *Acquire) Traits() Traits {
	return Traits{
		Lane: LaneAcquire, Session: c.Session, Weight: 1, Wait: c.Wait, Idempotent: true, Reclaims: c.Reclaim,
	}
}

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
	v.between("priority", int64(c.Priority), MinPriority, MaxPriority)
	v.meta("meta", c.Meta)
	v.attempt("attempt", c.Attempt)
	if c.Reclaim && c.Anonymous {
		v.addf("reclaim", "must come with the session that held the lease")
	}
	return v.err()
}

// AssignAttempts implements Acquiring.
func (c *Acquire) AssignAttempts(next func(count int) AttemptID) {
	if c.AttemptID == (AttemptID{}) {
		c.AttemptID = next(1)
	}
}

// Sending implements Acquiring.
func (c *Acquire) Sending(passed Millis, revision uint64) Command {
	sending := *c
	sending.Wait, sending.Sent = max(0, c.Wait-passed), revision
	return &sending
}

func (c *Acquire) encode(e *encoder) {
	e.String(c.Name)
	e.String(c.Holder)
	e.String(c.Session)
	e.Bool(c.Anonymous)
	e.Millis(c.TTL)
	e.Millis(c.Wait)
	e.Millis(c.Delay)
	e.Uint(uint64(c.Limit))
	e.Int64(int64(c.Priority))
	e.String(c.Meta)
	e.AttemptID(c.AttemptID)
	e.Bool(c.Reclaim)
	if e.Since(2) {
		e.Uint(c.Sent)
		e.String(c.Attempt)
	}
}

func (c *Acquire) decode(d *decoder) {
	c.Name = d.String(MaxStoredNameBytes)
	c.Holder = d.String(MaxHolderBytes)
	c.Session = d.String(MaxSessionBytes)
	c.Anonymous = d.Bool()
	c.TTL = d.Millis()
	c.Wait = d.Millis()
	c.Delay = d.Millis()
	c.Limit = d.Limit()
	c.Priority = d.Priority()
	c.Meta = d.String(MaxMetaBytes)
	c.AttemptID = d.AttemptID()
	c.Reclaim = d.Bool()
	if d.Since(2) {
		c.Sent = d.Uint()
		c.Attempt = d.String(MaxAttemptBytes)
	}
}

func (c *Acquire) apply(m *Machine) Result {
	l := m.Lease(c.Name)
	if m.ends.withdrawn(c.Session, c.Name, c.Attempt) {
		return refuse(CodeWithdrawn, l)
	}
	if m.ends.outdated(c.Session, c.Name, c.Sent) {
		return refuse(CodeOutdated, l)
	}
	if h := l.HoldOf(c.Session); h != nil {
		return c.reacquire(m, l, h)
	}
	place := l.Place(c.Session)
	if place >= 0 && l.Queue[place].Holder != c.Holder && !c.Reclaim {
		return refuse(CodeSessionInUse, l)
	}
	if l.Active() && l.Limit != c.Limit {
		return refuse(CodeLimitMismatch, l)
	}
	if place >= 0 {
		return c.requeue(m, l, place)
	}
	return c.acquireNew(m, l)
}

// reacquire renews the hold of a session that holds the lease already; the token stays. If
// the command is a copy of the attempt that was granted, because its answer was lost
// between nodes, the answer is CodeGranted again. Any other attempt finds a hold that its
// session may use, so no clean-up may end it from then on. The hold gets the attempt of
// the caller that found it.
func (c *Acquire) reacquire(m *Machine, l *Lease, h *Hold) Result {
	switch {
	case h.Holder != c.Holder && !c.Reclaim:
		return refuse(CodeSessionInUse, l)
	case h.Break != nil:
		return refuse(CodeBroken, l)
	case l.Limit != c.Limit:
		return refuse(CodeLimitMismatch, l)
	}
	if c.Reclaim && !h.ReclaimedBy(c.AttemptID, c.Attempt) {
		return c.reclaim(m, l, h)
	}
	if code := m.outgrows(c.Name, h.Meta, c.Meta); code != CodeOK {
		return refuse(code, l)
	}
	code, id := CodeOK, AttemptID{}
	switch {
	case c.Reclaim:
		code = CodeGranted
	case h.OwnedBy(c.AttemptID):
		code, id = CodeGranted, c.AttemptID
	}
	h = m.renewHold(l, h, c.TTL, c.Meta, func(h *Hold) {
		h.AttemptID, h.Attempt = id, c.Attempt
		h.Delay = c.Delay
	})
	return Result{Code: code, Hold: h, Previous: l.History.Previous()}
}

// reclaim ends a session's hold and grants it a new one in one entry, with the same slot
// and the holder name of the acquire. The new hold belongs to no attempt: its session held
// the lease before and may still use it, so no clean-up may end it.
func (c *Acquire) reclaim(m *Machine, l *Lease, h *Hold) Result {
	if m.quarantine.For != 0 {
		return refuse(CodeDelayed, l) // a quarantine grants no token
	}
	h = m.end(l, h, EventReclaimed, ending{to: c.ticket(), reclaimed: c.AttemptID.OrNil()})
	m.sessions.add(c.Session, c.Name)
	return Result{Code: CodeGranted, Hold: h, Previous: m.Lease(c.Name).History.Previous()}
}

// ticket returns the ticket of an acquire, without a place in the queue.
func (c *Acquire) ticket() *Ticket {
	return &Ticket{
		Holder: c.Holder, Session: c.Session, TTL: c.TTL, Delay: c.Delay, Priority: c.Priority, Meta: c.Meta,
		Origin: Origin{AttemptID: c.AttemptID, Attempt: c.Attempt, Principal: c.Caller.Principal},
	}
}

// requeue updates the ticket of a session by a repeated acquire. The ticket keeps its
// place, unless its priority has changed.
func (c *Acquire) requeue(m *Machine, l *Lease, place int) Result {
	t := *l.Queue[place]
	if code := m.outgrows(c.Name, t.Meta, c.Meta); code != CodeOK {
		return refuse(code, l)
	}
	t.TTL, t.Delay, t.Priority, t.Meta = c.TTL, c.Delay, c.Priority, c.Meta
	t.Holder, t.AttemptID, t.Attempt, t.Anonymous = c.Holder, c.AttemptID, c.Attempt, c.Anonymous
	t.Principal = cmp.Or(t.Principal, c.Caller.Principal)
	if c.Wait == 0 {
		return m.endWait(l, place, t)
	}
	t.Wait, t.WaitEnded = c.Wait, false
	t.Seq++
	t.Renewed = m.now
	l, place = m.replaceTicket(l, place, &t)
	return queued(l, place)
}

// replaceTicket replaces the ticket at a place by a changed one, moves it to its place by
// priority, and restarts its timer.
func (m *Machine) replaceTicket(l *Lease, place int, t *Ticket) (*Lease, int) {
	l = l.Edit()
	before := place
	if place = l.Enqueue(slices.Delete(slices.Clone(l.Queue), place, place+1), t); place != before {
		m.revision++
	}
	m.put(l)
	m.applied.arm(ticketTimer(l.Name, t))
	return l, place
}

// acquireNew answers a session that neither holds the lease nor waits for it.
func (c *Acquire) acquireNew(m *Machine, l *Lease) Result {
	if m.ends.beforeKept(c.Sent) {
		return refuse(CodeOutdated, l)
	}
	available := m.available(l, c.Limit)
	if !available && c.Wait == 0 {
		return refuse(unavailable(l), l)
	}
	if !available && len(l.Queue) >= MaxQueue {
		return refuse(CodeQueueFull, l)
	}
	if !l.Active() && m.leases.Len() >= m.maxLeases || m.sessions.count(c.Session) >= MaxSessionLeases {
		return refuse(CodeTooManyLeases, l)
	}
	if m.full(c.size()) {
		return refuse(CodeStateFull, l)
	}
	if !m.leases.Fits(growth(c, l, available)) {
		return refuse(CodeQuota, l)
	}
	l = l.Edit()
	l.Limit = c.Limit
	m.sessions.add(c.Session, c.Name)
	if available {
		l, h := m.grant(l, c.ticket(), -1)
		previous := l.History.Previous()
		m.put(l)
		return Result{Code: CodeGranted, Hold: h, Previous: previous}
	}
	m.revision++
	t := c.ticket()
	t.ID, t.Wait, t.Anonymous, t.Seq, t.Queued, t.Renewed = m.revision, c.Wait, c.Anonymous, 1, m.now, m.now
	place := l.Enqueue(l.Queue, t)
	m.put(l)
	m.applied.arm(ticketTimer(l.Name, t))
	return queued(l, place)
}

// available reports whether a new acquire is granted at once: it never overtakes a
// waiter.
func (m *Machine) available(l *Lease, limit int) bool {
	return m.quarantine.For == 0 && len(l.Queue) == 0 && len(l.Holds)+len(l.Cooldowns) < limit
}

// queued returns that a session waits at a place of the queue.
func queued(l *Lease, place int) Result {
	return Result{Code: CodeQueued, Lease: l, Queued: true, Position: place + 1}
}

// unavailable returns why a lease is not available: it is held, or a delay or the
// quarantine is running.
func unavailable(l *Lease) Code {
	if len(l.Holds) == 0 {
		return CodeDelayed
	}
	return CodeHeld
}

// growth returns what an acquire of a lease adds to its quota.
func growth(c *Acquire, l *Lease, available bool) lease.Growth {
	more := lease.Usage{Bytes: c.size()}
	if !l.Active() {
		more.Leases = 1
	}
	if !available {
		more.Waiters = 1
	}
	return lease.Growth{Name: c.Name, Usage: more}
}
