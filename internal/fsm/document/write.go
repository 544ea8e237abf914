package document

import "github.com/lockd/lockd/internal/fsm/lease"

// A Write creates, replaces or deletes a document.
type Write struct {
	Object   Document // as it should be; to delete: its key, subject and UID
	Delete   bool
	Expect   uint64 // the revision that it must have; 0: it must not exist; to delete: any
	ID       uint64 // a random number, which identifies the write: a copy of it finds its effect
	Renewal  bool   // it states the holder that the object had when it was read
	Override bool   // it may end a hold of another principal, and change its candidates
	Operator string // who ends a hold of another one, or deletes a Lease that is held; a delete without it releases the hold
}

// Encode appends the write in the machine's binary form.
func (w *Write) Encode(e *lease.Encoder) {
	w.Object.Encode(e)
	e.Bool(w.Delete)
	e.Uint(w.Expect)
	e.Uint(w.ID)
	e.Bool(w.Renewal)
	e.Bool(w.Override)
	e.String(w.Operator)
}

// Decode reads what Encode wrote.
func (w *Write) Decode(d *lease.Decoder) {
	w.Object = *Decode(d)
	w.Delete = d.Bool()
	w.Expect = d.Uint()
	w.ID = d.Uint()
	w.Renewal = d.Bool()
	w.Override = d.Bool()
	w.Operator = d.String(lease.MaxAddressBytes)
}

// Invalid calls add with each field that is out of bounds. Package kube checks what a client sent.
func (w *Write) Invalid(add func(field, reason string)) {
	o := &w.Object
	o.invalid(add)
	if len(w.Operator) > lease.MaxAddressBytes {
		add("operator", "is too long")
	}
	switch {
	case w.Delete && o.UID == "":
		add("uid", "is required")
	case w.Delete:
	case w.ID == 0:
		add("id", "is required")
	case len(o.Body) > MaxBodyBytes:
		add("body", "is too long")
	case o.History != nil:
		add("object", "must not be an event of the machine")
	case o.Lease != nil:
		o.Lease.invalid(add)
	case o.Candidate != nil:
		o.Candidate.invalid(o.Name, add)
	}
}

// invalid checks what every document has.
func (d *Document) invalid(add func(field, reason string)) {
	if d.Kind == 0 || d.Namespace == "" || len(d.Namespace) > MaxNamespaceBytes || d.Name == "" || len(d.Name) > MaxNameBytes {
		add("object", "must have a kind, a namespace and a name")
	}
	if d.Subject == "" || len(d.Subject) > lease.MaxStoredNameBytes {
		add("subject", "must be the name of a lease")
	}
	if (d.Kind == Lease) != (d.Lease != nil) || (d.Kind == Candidate) != (d.Candidate != nil) {
		add("object", "must have the specification of its kind")
	}
}

// maxSeconds is the longest TTL.
const maxSeconds = 24 * 60 * 60

func (s *LeaseSpec) invalid(add func(field, reason string)) {
	if len(s.Holder) > lease.MaxHolderBytes {
		add("spec.holderIdentity", "is too long")
	}
	if s.Holder != "" && s.Duration.Set && (s.Duration.Value < 1 || s.Duration.Value > maxSeconds) {
		add("spec.leaseDurationSeconds", "must be from 1 to 86400")
	}
	if len(s.Strategy) > MaxVersionBytes {
		add("spec.strategy", "is too long")
	}
	if len(s.Preferred) > lease.MaxHolderBytes {
		add("spec.preferredHolder", "is too long")
	}
}

// invalid checks the specification of a candidate with a name, which becomes the holder of its lease.
func (s *CandidateSpec) invalid(name string, add func(field, reason string)) {
	if len(name) > lease.MaxHolderChars {
		add("metadata.name", "is too long for the holder of a Lease")
	}
	for _, f := range []struct{ field, text string }{
		{"spec.binaryVersion", s.Binary}, {"spec.emulationVersion", s.Emulation}, {"spec.strategy", s.Strategy},
	} {
		if len(f.text) > MaxVersionBytes {
			add(f.field, "is too long")
		}
	}
}

// Apply applies the write of a principal. The result is the stored document, or the one that is in the way.
func (s Store) Apply(h Host, w Write, principal string) (*Document, Outcome) {
	by := Author{Principal: principal, Override: w.Override, Operator: w.Operator}
	if w.Delete {
		return s.Remove(h, &w.Object, w.Expect, by)
	}
	w.Object.Write = w.ID
	return s.Put(h, w.Object, w.Expect, by)
}
