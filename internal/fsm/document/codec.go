package document

import (
	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/lease"
)

// Encode appends the document in the machine's binary form.
func (d *Document) Encode(e *lease.Encoder) {
	d.Key.Encode(e)
	e.String(d.UID)
	e.Int64(d.Created)
	e.Uint(d.Born)
	e.Uint(d.Revision)
	e.Uint(d.Write)
	e.String(d.Subject)
	e.String(d.Body)
	switch d.Kind {
	case Lease:
		d.Lease.encode(e)
	case Candidate:
		d.Candidate.encode(e)
	case Event:
		e.Bool(d.History != nil)
		if d.History != nil {
			e.String(d.History.Name)
			e.Event(d.History)
		}
	}
}

// Decode reads what Encode wrote.
func Decode(d *lease.Decoder) *Document {
	n := &Document{
		Key: DecodeKey(d), UID: d.String(MaxUIDBytes), Created: d.Int64(), Born: d.Uint(), Revision: d.Uint(), Write: d.Uint(),
		Subject: d.String(lease.MaxStoredNameBytes), Body: d.String(MaxBodyBytes),
	}
	switch n.Kind {
	case Lease:
		n.Lease = decodeLease(d)
	case Candidate:
		n.Candidate = decodeCandidate(d)
	case Event:
		if d.Bool() {
			n.History = d.Event(d.String(lease.MaxStoredNameBytes))
		}
	default:
		d.Fail("unknown kind of document %d", n.Kind)
	}
	return n
}

// Encode appends the key.
func (k Key) Encode(e *lease.Encoder) {
	e.Uint(uint64(k.Kind))
	e.String(k.Namespace)
	e.String(k.Name)
}

// DecodeKey reads a key. Its kind may be 0 in a query for all kinds.
func DecodeKey(d *lease.Decoder) Key {
	return Key{Kind: Kind(d.ByteOf(uint64(kindEnd) - 1)), Namespace: d.String(MaxNamespaceBytes), Name: d.String(MaxNameBytes)}
}

func encodeNumber(e *lease.Encoder, n Number) {
	e.Bool(n.Set)
	if n.Set {
		e.Int64(n.Value)
	}
}

func decodeNumber(d *lease.Decoder) Number {
	if !d.Bool() {
		return Number{}
	}
	return Some(d.Int64())
}

func (s *LeaseSpec) encode(e *lease.Encoder) {
	e.String(s.Holder)
	e.Bool(s.HolderSet)
	e.Uint(s.Token)
	encodeNumber(e, s.Duration)
	encodeNumber(e, s.Acquired)
	encodeNumber(e, s.Renewed)
	encodeNumber(e, s.Transitions)
	e.String(s.Strategy)
	e.String(s.Preferred)
}

func decodeLease(d *lease.Decoder) *LeaseSpec {
	return &LeaseSpec{
		Holder: d.String(lease.MaxHolderBytes), HolderSet: d.Bool(), Token: d.Uint(), Duration: decodeNumber(d), Acquired: decodeNumber(d),
		Renewed: decodeNumber(d), Transitions: decodeNumber(d), Strategy: d.String(MaxVersionBytes), Preferred: d.String(lease.MaxHolderBytes),
	}
}

func (s *CandidateSpec) encode(e *lease.Encoder) {
	e.String(s.Binary)
	e.String(s.Emulation)
	e.String(s.Strategy)
	encodeNumber(e, s.Ping)
	encodeNumber(e, s.Renewed)
	e.String(s.Principal)
	e.Millis(s.Seen)
	e.Millis(s.Pinged)
}

func decodeCandidate(d *lease.Decoder) *CandidateSpec {
	return &CandidateSpec{
		Binary: d.String(MaxVersionBytes), Emulation: d.String(MaxVersionBytes), Strategy: d.String(MaxVersionBytes), Ping: decodeNumber(d),
		Renewed: decodeNumber(d), Principal: d.String(access.MaxPrincipalBytes), Seen: d.Millis(), Pinged: d.Millis(),
	}
}

// Encode appends the round.
func (r *Round) Encode(e *lease.Encoder) {
	e.String(r.Subject)
	e.Uint(r.ID)
	e.Millis(r.Begun)
	e.String(r.Excluded)
	e.Bool(r.Over)
}

// DecodeRound reads what Encode wrote.
func DecodeRound(d *lease.Decoder) *Round {
	return &Round{
		Subject: d.String(lease.MaxStoredNameBytes), ID: d.Uint(), Begun: d.Millis(), Excluded: d.String(lease.MaxHolderBytes), Over: d.Bool(),
	}
}
