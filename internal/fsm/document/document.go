package document

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/lockd/lockd/internal/fsm/lease"
)

// Kind is the kind of a document. It is stored in entries: add at the end, never reorder.
type Kind uint8

// The kinds of documents.
const (
	Lease     Kind = iota + 1 // a Lease of coordination.k8s.io
	Candidate                 // a LeaseCandidate of coordination.k8s.io
	Event                     // an Event of the core API or of events.k8s.io
	kindEnd
)

// A Key identifies a document.
type Key struct {
	Kind      Kind
	Namespace string
	Name      string
}

// A Document is an object. It is immutable once it is stored: a change replaces it.
type Document struct {
	Key
	UID      string
	Created  int64  // Unix milliseconds
	Born     uint64 // the revision at which it was created
	Revision uint64 // the revision of its last change: its resourceVersion
	Write    uint64 // the PutObject that made this version; 0: the machine did
	Subject  string // the name of the lease of the machine that it is about: who may read that may read it
	Body     string // the fields that the machine does not interpret

	Lease     *LeaseSpec     // of a Lease
	Candidate *CandidateSpec // of a Candidate
	History   *lease.Event   // of an Event that the machine made; its Body is the UID of the Lease
}

// A Number is an optional integer.
type Number struct {
	Set   bool
	Value int64
}

// Some returns a number that is set.
func Some(n int64) Number { return Number{Set: true, Value: n} }

// A LeaseSpec is the specification of a Lease. Times are in microseconds since 1970, as the client wrote them.
type LeaseSpec struct {
	Holder      string
	HolderSet   bool   // the holder is stated, even if it is empty
	Token       uint64 // of the hold; 0: the lease has none
	Duration    Number // seconds; without it the hold has no TTL
	Acquired    Number
	Renewed     Number
	Transitions Number
	Strategy    string
	Preferred   string // the holder that should take over
}

// A CandidateSpec is the specification of a LeaseCandidate. Times are in microseconds since 1970.
type CandidateSpec struct {
	Binary    string
	Emulation string
	Strategy  string
	Ping      Number
	Renewed   Number

	Principal string       // who wrote it: a hold that it is elected to belongs to that principal
	Seen      lease.Millis // cluster time of its last renewal
	Pinged    lease.Millis // cluster time of the last ping
}

// A Change is a new version of a document, or its deletion.
type Change struct {
	Revision uint64
	Before   *Document // nil: it was created
	After    *Document // nil: it was deleted
}

// Prefix begins the name of each lease of the machine that a Lease belongs to.
const Prefix = "k8s/"

// LeaseName returns the name of the machine's lease for the Lease of a namespace and a name.
func LeaseName(namespace, name string) string { return Prefix + namespace + "/" + name }

// UIDOf returns the UID of a document that is created at a revision of a cluster.
func UIDOf(cluster string, k Key, revision uint64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%s\x00%s\x00%d", cluster, k.Kind, k.Namespace, k.Name, revision))
	b := sum[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80 // version 8 of RFC 9562: the bits are those of its maker
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// states reports whether another specification states the same. The token is not stated: the machine has it.
func (s *LeaseSpec) states(o *LeaseSpec) bool {
	same := *o
	same.Token = s.Token
	return *s == same
}

// SameContent reports whether two versions of a document state the same to their readers.
func (d *Document) SameContent(o *Document) bool {
	if d.Body != o.Body || (d.Lease == nil) != (o.Lease == nil) || (d.Candidate == nil) != (o.Candidate == nil) {
		return false
	}
	switch {
	case d.Lease != nil:
		return *d.Lease == *o.Lease
	case d.Candidate != nil:
		a, b := *d.Candidate, *o.Candidate
		b.Principal, b.Seen, b.Pinged = a.Principal, a.Seen, a.Pinged
		return a == b
	}
	return true
}

// documentSize is an estimate of the memory of a document without its strings that is the same on every node.
const documentSize = 480

// Size returns the approximate size of the document in bytes.
func (d *Document) Size() int {
	size := documentSize + len(d.Namespace) + 2*len(d.Name) + len(d.Subject) + len(d.Body) + len(d.UID)
	switch {
	case d.Lease != nil:
		size += len(d.Lease.Holder) + len(d.Lease.Strategy) + len(d.Lease.Preferred)
	case d.Candidate != nil:
		c := d.Candidate
		size += len(c.Binary) + len(c.Emulation) + len(c.Strategy) + len(c.Principal)
	case d.History != nil:
		size += d.History.Size()
	}
	return size
}

// Size returns the approximate size of the change in bytes. The version before is that of an earlier change.
func (c *Change) Size() int {
	if c.After == nil {
		return 64 + c.Before.Size()
	}
	return 64 + c.After.Size()
}

// Subject returns the name of the lease that the change is about.
func (c *Change) Subject() string {
	if c.After == nil {
		return c.Before.Subject
	}
	return c.After.Subject
}
