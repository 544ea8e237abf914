package lease

// A Hold is one session's right to a lease.
type Hold struct {
	Holder   string // public holder name
	Session  string // secret
	Token    uint64 // the revision at the grant
	Slot     int
	TTL      Millis // 0: it lasts until it is released or broken
	Delay    Millis // cooldown if the hold ends by expiry or break
	Seq      uint64 // increments with each logged renewal; Expire.Seq must equal it
	Meta     string // JSON object, or empty
	Granted  Millis // cluster time of the grant
	Renewed  Millis // cluster time of the grant or of the last logged renewal
	Break    *Breaking
	StepDown *StepDownRequest // nil if there is none

	Origin

	// Reclaimed is the attempt that reclaimed the hold, if any: its late copies get the
	// same answer. Clean-ups ignore it.
	Reclaimed *AttemptID
}

// An Origin is what a ticket or a hold comes from: an attempt to acquire, and its caller.
type Origin struct {
	AttemptID AttemptID
	Attempt   string // the caller's own ID of the attempt: see Acquire.Attempt; may be empty
	Principal string // the principal of the caller; empty if no credential was needed
}

// An AttemptID identifies one attempt to acquire: a start of a node's process and a number
// in it. The newest attempt of a session owns its ticket, and the hold that the ticket is
// granted; the clean-up of an older attempt changes nothing. A hold that its session has
// acquired again or renewed belongs to no attempt: its AttemptID is zero.
type AttemptID struct {
	Boot uint64
	N    uint64
}

// OrNil returns the ID, or nil if it is zero.
func (a AttemptID) OrNil() *AttemptID {
	if a == (AttemptID{}) {
		return nil
	}
	return &a
}

// Plus returns the attempt i after this one. It returns the zero AttemptID for the zero
// one.
func (a AttemptID) Plus(i int) AttemptID {
	if a == (AttemptID{}) {
		return a
	}
	return AttemptID{Boot: a.Boot, N: a.N + uint64(i)}
}

// A StepDownRequest is an operator's request to a holder to hand over. It does not end the
// hold.
type StepDownRequest struct {
	To     string // the requested next holder name; empty if any
	By     string
	Within Millis // from At; 0: no limit
	At     Millis
}

// Remaining returns the remaining time of the holder; 0 if it is over or not limited.
func (a *StepDownRequest) Remaining(now Millis) Millis {
	return max(0, min(a.Within, a.At+a.Within-now))
}

// Breaking is an operator's break of a hold whose grace is still running.
type Breaking struct {
	Reason string
	By     string
	Grace  Millis // InheritGrace, or from At
	At     Millis
}

// InheritGrace as a grace lets a broken hold last as long as its holder was promised.
const InheritGrace Millis = -1

// OwnedBy reports whether the hold still belongs to an attempt.
func (h *Hold) OwnedBy(a AttemptID) bool { return h.AttemptID == a && a != AttemptID{} }

// ReclaimedBy reports whether an attempt is a copy of the one that reclaimed the hold, by
// the node's ID of the attempt or by the caller's own.
func (h *Hold) ReclaimedBy(id AttemptID, attempt string) bool {
	return h.Reclaimed != nil && (*h.Reclaimed == id || attempt != "" && attempt == h.Attempt)
}

// ClearAttemptID protects the hold from the clean-up of its acquire.
func (h *Hold) ClearAttemptID() { h.AttemptID = AttemptID{} }

// A Cooldown keeps a slot unavailable for a delay.
type Cooldown struct {
	Slot   int
	Holder string // of the hold that ended
	Token  uint64 // likewise
	Seq    uint64
	For    Millis
	From   Millis
	Cause  EventType
}
