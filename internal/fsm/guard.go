package fsm

import "github.com/lockd/lockd/internal/access"

// A Guarded command is one of a client. It states its caller, and the right that the caller needs on the leases that
// it names. A command for a session that names none needs the right on some lease: what the session holds belongs to
// its principal.
type Guarded interface {
	Command

	// From returns the caller, to read or to set.
	From() *access.Caller
	// Needs returns the right that the caller needs, and the names.
	Needs() (access.Right, []string)
}

// Sender is the caller of a guarded command. A node sets it if the cluster has authentication enabled.
type Sender struct{ Caller access.Caller }

// From implements Guarded.
func (s *Sender) From() *access.Caller { return &s.Caller }

// Needs implements Guarded.
func (c *Acquire) Needs() (access.Right, []string) { return access.Acquire, []string{c.Name} }

// Needs implements Guarded.
func (c *AcquireAll) Needs() (access.Right, []string) { return access.Acquire, c.Names }

// Needs implements Guarded.
func (c *Renew) Needs() (access.Right, []string) { return access.Acquire, []string{c.Name} }

// Needs implements Guarded.
func (c *RenewSession) Needs() (access.Right, []string) { return access.Acquire, namesIn(c.Only) }

// Needs implements Guarded.
func (c *Release) Needs() (access.Right, []string) { return access.Acquire, []string{c.Name} }

// Needs implements Guarded.
func (c *ReleaseSession) Needs() (access.Right, []string) { return access.Acquire, namesIn(c.Only) }

// Needs implements Guarded.
func (c *Transfer) Needs() (access.Right, []string) { return access.Acquire, []string{c.Name} }

// Needs implements Guarded.
func (c *Break) Needs() (access.Right, []string) { return access.Operate, []string{c.Name} }

// Needs implements Guarded.
func (c *StepDown) Needs() (access.Right, []string) { return access.Operate, []string{c.Name} }

func namesIn(refs []Ref) (names []string) {
	for _, r := range refs {
		names = append(names, r.Name)
	}
	return names
}

// caller returns the caller of a command, or nil if it is not one of a client.
func callerOf(c Command) *access.Caller {
	if g, ok := c.(Guarded); ok {
		return g.From()
	}
	return nil
}

// Guards reports whether requests need credentials.
func (m *Machine) Guards() bool { return m.access.Mode() == access.On }

// Check returns whether the caller of a command may send it, at a wall time in milliseconds since 1970.
func (m *Machine) Check(c Command, wall int64) access.Outcome {
	g, ok := c.(Guarded)
	change, isChange := c.(*ChangeAccess) // needs a right in every mode
	if !ok || !m.Guards() && !isChange {
		return access.Done
	}
	right, names := g.Needs()
	if o := m.access.Check(*g.From(), right, names, wall); o != access.Done {
		return o
	}
	if isChange {
		return m.access.Expects(change.Change, change.Caller, wall)
	}
	return access.Done
}

// Within returns the renewal of a session for those holds that its caller still has the right to. It returns nil if there
// are holds and the caller has the right to none of them.
func (c *RenewSession) Within(m *Machine, wall int64) *RenewSession {
	if len(c.Only) > 0 {
		return c
	}
	held := m.HeldBy(c.Session, nil)
	var allowed []Ref
	for _, h := range held {
		if m.access.Check(c.Caller, access.Acquire, []string{h.Name}, wall) == access.Done {
			allowed = append(allowed, Ref{Name: h.Name, Token: h.Hold.Token})
		}
	}
	switch {
	case len(allowed) == len(held):
		return c
	case len(allowed) == 0:
		return nil
	}
	return &RenewSession{Sender: c.Sender, Session: c.Session, Only: allowed}
}

// CheckQuery returns whether the caller of a read may send it, at a wall time in milliseconds since 1970. A list needs
// the right to read some lease; the node with the caller's connection leaves out what the caller may not read.
func (m *Machine) CheckQuery(q Query, wall int64) access.Outcome {
	var names []string
	if !m.Guards() {
		return access.Done
	}
	if q.Kind == QueryLease || q.Kind == QueryHistory || q.Kind == QueryExplain {
		names = []string{q.Name}
	}
	return m.access.Check(q.Caller, access.Read, names, wall)
}

// Foreign reports whether the session of a command holds or waits for something as another principal than that of the
// command. What was acquired while no credential was needed belongs to the session alone.
func (m *Machine) Foreign(c Command) bool {
	from, session := callerOf(c), c.Traits().Session
	if from == nil || session == "" || !m.Guards() {
		return false
	}
	for _, name := range m.sessions.of(session) {
		if owner := m.Lease(name).PrincipalOf(session); owner != "" && owner != from.Principal {
			return true
		}
	}
	return false
}

// refuseForeign returns the refusal of a foreign command.
func (m *Machine) refuseForeign(c Command) Result {
	r := Result{Code: CodeNotHolder}
	if c.Traits().Lane == LaneAcquire {
		r.Code = CodeSessionInUse
	}
	if _, names := c.(Guarded).Needs(); len(names) > 0 {
		r.Lease = m.Lease(names[0])
	}
	return r
}
