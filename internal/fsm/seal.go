package fsm

import "github.com/lockd/lockd/internal/access"

// A session is a secret of its holder. From version 3 on the machine knows only its hash: neither the log nor
// snapshots nor backups contain what would let their reader act as a holder. A node hashes a session before it leaves
// the node; a machine hashes what arrives or is restored without a hash.

// Sealed returns a command with its session sealed. The command itself is unchanged. The salt is that of
// Machine.Salt; if it is empty, the command is returned as it is.
func Sealed(c Command, salt string) Command {
	s, ok := c.(sessioned)
	if salt == "" || !ok || access.IsSealed(*s.session()) {
		return c
	}
	clone := s.clone()
	*clone.session() = access.SealSession(salt, *clone.session())
	return clone
}

// ValidateSent is Validate for a command from another node, which may have sealed its session.
func ValidateSent(c Command) error {
	s, ok := c.(sessioned)
	if !ok || !access.IsSealed(*s.session()) {
		return c.Validate()
	}
	if !access.ValidSeal(*s.session()) {
		return Invalid{{Field: "session", Reason: "is not sealed as it should be"}}
	}
	s = s.clone()
	*s.session() = "a-session-that-is-valid"
	return s.Validate()
}

// sessioned is a command of a session.
type sessioned interface {
	Command
	session() *string
	clone() sessioned
}

func (c *Acquire) session() *string        { return &c.Session }
func (c *AcquireAll) session() *string     { return &c.Session }
func (c *Renew) session() *string          { return &c.Session }
func (c *RenewSession) session() *string   { return &c.Session }
func (c *Release) session() *string        { return &c.Session }
func (c *ReleaseSession) session() *string { return &c.Session }
func (c *Transfer) session() *string       { return &c.Session }
func (c *CancelAcquire) session() *string  { return &c.Session }
func (c *EndWait) session() *string        { return &c.Session }

func (c *Acquire) clone() sessioned        { n := *c; return &n }
func (c *AcquireAll) clone() sessioned     { n := *c; return &n }
func (c *Renew) clone() sessioned          { n := *c; return &n }
func (c *RenewSession) clone() sessioned   { n := *c; return &n }
func (c *Release) clone() sessioned        { n := *c; return &n }
func (c *ReleaseSession) clone() sessioned { n := *c; return &n }
func (c *Transfer) clone() sessioned       { n := *c; return &n }
func (c *CancelAcquire) clone() sessioned  { n := *c; return &n }
func (c *EndWait) clone() sessioned        { n := *c; return &n }

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
