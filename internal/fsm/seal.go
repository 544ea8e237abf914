package fsm

import "github.com/lockd/lockd/internal/access"

// A session is a secret of its holder. From version 3 on the machine knows only its hash: neither the log nor
// snapshots nor backups contain what would let their reader act as a holder. A node hashes a session before it leaves
// the node; a machine hashes what arrives or is restored without a hash.

// Sealed returns a command with its session sealed. The command itself is unchanged. The salt is that of
// Machine.Salt; if it is empty, the command is returned as it is.
func Sealed(c Command, salt string) Command {
	s, ok := c.(sessioned)
	session := sessionOf(c)
	if salt == "" || !ok || access.IsSealed(session) {
		return c
	}
	return s.withSession(access.SealSession(salt, session))
}

// ValidateSent is Validate for a command from another node, which may have sealed its session.
func ValidateSent(c Command) error {
	s, ok := c.(sessioned)
	switch session := sessionOf(c); {
	case !ok || !access.IsSealed(session):
		return c.Validate()
	case !access.ValidSeal(session):
		return Invalid{{Field: "session", Reason: "is not sealed as it should be"}}
	}
	return s.withSession("a-session-that-is-valid").Validate()
}

func sessionOf(c Command) string {
	if end, ok := c.(*EndWait); ok { // it may overtake acquires, so that its traits state no session
		return end.Session
	}
	return c.Traits().Session
}

// sessioned is a command of a session.
type sessioned interface{ withSession(session string) Command }

func (c *Acquire) withSession(s string) Command        { n := *c; n.Session = s; return &n }
func (c *AcquireAll) withSession(s string) Command     { n := *c; n.Session = s; return &n }
func (c *Renew) withSession(s string) Command          { n := *c; n.Session = s; return &n }
func (c *RenewSession) withSession(s string) Command   { n := *c; n.Session = s; return &n }
func (c *Release) withSession(s string) Command        { n := *c; n.Session = s; return &n }
func (c *ReleaseSession) withSession(s string) Command { n := *c; n.Session = s; return &n }
func (c *Transfer) withSession(s string) Command       { n := *c; n.Session = s; return &n }
func (c *CancelAcquire) withSession(s string) Command  { n := *c; n.Session = s; return &n }
func (c *EndWait) withSession(s string) Command        { n := *c; n.Session = s; return &n }

// sealSessions seals the sessions of the whole state once every member reads version 3. The salt is the cluster's ID at
// that moment and never changes: a recovered cluster has another ID, and its sessions live on.
func (m *Machine) sealSessions() {
	if m.version < 3 || m.salt != "" || m.cluster == "" {
		return
	}
	m.salt, m.applied.Access = m.cluster, true
	sealed := func(session string) string { return access.SealSession(m.salt, session) }
	m.leases.Seal(sealed)
	m.ends.seal(sealed)
	m.sessions.rebuild(m.leases)
}
