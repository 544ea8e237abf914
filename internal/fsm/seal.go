package fsm

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
)

// A session is a secret of its holder. From version 3 on the machine knows only its hash: neither the log nor
// snapshots nor backups contain what would let their reader act as a holder. A node hashes a session before it leaves
// the node; a machine hashes what arrives or is restored without a hash.

// sealMark begins a sealed session. No session of a client has it.
const sealMark = "="

const sealedBytes = 16

// SealSession returns a session as a machine with this salt stores it.
func SealSession(salt, session string) string {
	if salt == "" {
		return session
	}
	return seal(salt, session)
}

func isSealed(session string) bool { return strings.HasPrefix(session, sealMark) }

// seal returns the first 16 bytes of SHA-256 over the cluster's salt and the session. A sealed session and the empty
// one are unchanged.
func seal(salt, session string) string {
	if session == "" || isSealed(session) {
		return session
	}
	sum := sha256.Sum256([]byte(salt + "\x00" + session))
	return sealMark + base64.RawURLEncoding.EncodeToString(sum[:sealedBytes])
}

// Sealed returns a command with its session sealed. The command itself is unchanged. The salt is that of
// Machine.Salt; if it is empty, the command is returned as it is.
func Sealed(c Command, salt string) Command {
	s, ok := c.(sessioned)
	if salt == "" || !ok || isSealed(*s.session()) {
		return c
	}
	clone := s.clone()
	*clone.session() = seal(salt, *clone.session())
	return clone
}

// ValidateSent is Validate for a command from another node, which may have sealed its session.
func ValidateSent(c Command) error {
	s, ok := c.(sessioned)
	if !ok || !isSealed(*s.session()) {
		return c.Validate()
	}
	if len(*s.session()) != len(sealMark)+base64.RawURLEncoding.EncodedLen(sealedBytes) {
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

// Salt returns what sessions are sealed with, or "" as long as they are not.
func (m *Machine) Salt() string { return m.salt }

// sealSessions seals the sessions of the whole state once every member reads version 3. The salt is the cluster's ID at
// that moment and never changes: a recovered cluster has another ID, and its sessions live on.
func (m *Machine) sealSessions() {
	if m.version < 3 || m.salt != "" || m.cluster == "" {
		return
	}
	m.salt, m.applied.Access = m.cluster, true
	for _, l := range m.leases.Items() {
		m.replaceLease(l.sealed(m.salt))
	}
	for _, p := range m.past.Items() {
		m.bytes -= p.size()
		p.history = p.history.sealed(m.salt)
		m.bytes += p.size()
		m.past.Set(p)
	}
	m.ends.seal(m.salt)
	m.reindex()
}

func (l *Lease) sealed(salt string) *Lease {
	n := *l
	n.Holds = slices.Clone(l.Holds)
	for i, h := range n.Holds {
		hold := *h
		hold.Session = seal(salt, h.Session)
		n.Holds[i] = &hold
	}
	n.Queue = slices.Clone(l.Queue)
	for i, t := range n.Queue {
		ticket := *t
		ticket.Session = seal(salt, t.Session)
		n.Queue[i] = &ticket
	}
	n.History = l.History.sealed(salt)
	return &n
}

func (h *LeaseHistory) sealed(salt string) *LeaseHistory {
	if h.Ended == nil {
		return h
	}
	n, ended := *h, *h.Ended
	ended.Session = seal(salt, ended.Session)
	n.Ended = &ended
	return &n
}

func (e *ends) seal(salt string) {
	old := e.order.Items()
	most, forgotten := e.most, e.forgotten
	*e = newEnds()
	e.most, e.forgotten = most, forgotten
	for _, end := range old {
		end.session = seal(salt, end.session)
		e.set(end)
	}
}

// reindex builds the index from sessions to names again.
func (m *Machine) reindex() {
	m.sessions.Clear()
	clear(m.perSession)
	m.leases.Scan(func(l *Lease) bool {
		for _, h := range l.Holds {
			m.remember(h.Session, l.Name)
		}
		for _, t := range l.Queue {
			m.remember(t.Session, l.Name)
		}
		return true
	})
}
