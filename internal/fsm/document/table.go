package document

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tidwall/btree"

	"github.com/lockd/lockd/internal/fsm/lease"
)

// A Table stores the documents by key, and the rounds of elections. It counts the documents of each kind and their bytes.
type Table struct {
	byKey      *btree.BTreeG[*Document]
	candidates *btree.BTreeG[*Document] // by subject, then by key
	events     *btree.BTreeG[*Document] // by the revision at which they were created
	rounds     *btree.BTreeG[*Round]    // by subject
	counts     [kindEnd]int
	bytes      int
	eventBytes int
}

// NewTable returns an empty table.
func NewTable() *Table {
	return &Table{
		byKey:      tree(func(a, b *Document) bool { return a.less(b.Key) }),
		candidates: tree(func(a, b *Document) bool { return a.Subject < b.Subject || a.Subject == b.Subject && a.less(b.Key) }),
		events:     tree(func(a, b *Document) bool { return a.Born < b.Born }),
		rounds:     tree(func(a, b *Round) bool { return a.Subject < b.Subject }),
	}
}

func tree[T any](less func(a, b T) bool) *btree.BTreeG[T] {
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
}

// less orders keys by kind, namespace and name.
func (k Key) less(o Key) bool {
	return cmp.Or(cmp.Compare(k.Kind, o.Kind), cmp.Compare(k.Namespace, o.Namespace), cmp.Compare(k.Name, o.Name)) < 0
}

// Copy returns a copy that later changes do not affect. It copies only copy-on-write handles.
func (t *Table) Copy() *Table {
	n := *t
	n.byKey, n.candidates, n.events, n.rounds = t.byKey.Copy(), t.candidates.Copy(), t.events.Copy(), t.rounds.Copy()
	return &n
}

// Get returns the document of a key, or nil.
func (t *Table) Get(k Key) *Document {
	d, _ := t.byKey.Get(&Document{Key: k})
	return d
}

// LeaseOf returns the Lease document of a lease of the machine, or nil.
func (t *Table) LeaseOf(name string) *Document {
	if k, ok := KeyOfLease(name); ok {
		return t.Get(k)
	}
	return nil
}

// Put stores a document and returns the change.
func (t *Table) Put(d *Document) *Change {
	before, replaced := t.byKey.Set(d)
	if replaced {
		t.forget(before)
	}
	t.counts[d.Kind]++
	t.bytes += d.Size()
	switch d.Kind {
	case Candidate:
		t.candidates.Set(d)
	case Event:
		t.events.Set(d)
		t.eventBytes += d.Size()
	}
	return &Change{Revision: d.Revision, Before: before, After: d}
}

// Delete removes a document at a revision and returns the change.
func (t *Table) Delete(d *Document, revision uint64) *Change {
	t.byKey.Delete(d)
	t.forget(d)
	return &Change{Revision: revision, Before: d}
}

// forget takes a document that is no longer stored by its key out of the other indexes.
func (t *Table) forget(d *Document) {
	t.counts[d.Kind]--
	t.bytes -= d.Size()
	switch d.Kind {
	case Candidate:
		t.candidates.Delete(d)
	case Event:
		t.events.Delete(d)
		t.eventBytes -= d.Size()
	}
}

// Len returns the number of documents.
func (t *Table) Len() int { return t.byKey.Len() }

// Count returns the number of documents of a kind.
func (t *Table) Count(k Kind) int { return t.counts[k] }

// Bytes returns the approximate size of the documents in bytes.
func (t *Table) Bytes() int { return t.bytes }

// OldestEvent returns the event that was created first if there are more than the limits allow, or nil.
func (t *Table) OldestEvent() *Document {
	if t.counts[Event] <= MaxEvents && t.eventBytes <= MaxEventBytes {
		return nil
	}
	oldest, _ := t.events.Min()
	return oldest
}

// Candidates returns the candidates for a lease of the machine, in the order of their keys.
func (t *Table) Candidates(subject string) (all []*Document) {
	t.candidates.Ascend(&Document{Subject: subject}, func(d *Document) bool {
		if d.Subject != subject {
			return false
		}
		all = append(all, d)
		return true
	})
	return all
}

// Subjects returns the leases of the machine that have candidates.
func (t *Table) Subjects() (all []string) {
	t.candidates.Scan(func(d *Document) bool {
		if len(all) == 0 || all[len(all)-1] != d.Subject {
			all = append(all, d.Subject)
		}
		return true
	})
	return all
}

// Scan calls f with each document, in the order of keys, until f returns false.
func (t *Table) Scan(f func(*Document) bool) { t.byKey.Scan(f) }

// Page returns up to limit documents of a kind after a key, in all namespaces or in one, and whether there are more. Their
// sizes together are at most bytes, but it returns at least one.
func (t *Table) Page(kind Kind, namespace string, after Key, limit, bytes int) (page []*Document, more bool) {
	from := Key{Kind: kind, Namespace: namespace}
	if from.less(after) {
		from = after
	}
	t.byKey.Ascend(&Document{Key: from}, func(d *Document) bool {
		switch {
		case d.Kind != kind || namespace != "" && d.Namespace != namespace:
			return false
		case d.Key == after:
			return true
		case len(page) > 0 && (len(page) == limit || bytes < d.Size()):
			more = true
			return false
		}
		page = append(page, d)
		bytes -= d.Size()
		return true
	})
	return page, more
}

// Round returns the round of the election of a lease, or nil.
func (t *Table) Round(subject string) *Round {
	r, _ := t.rounds.Get(&Round{Subject: subject})
	return r
}

// SetRound stores a round.
func (t *Table) SetRound(r *Round) { t.rounds.Set(r) }

// EndRound removes a round.
func (t *Table) EndRound(r *Round) { t.rounds.Delete(r) }

// Rounds returns all rounds, in the order of their subjects.
func (t *Table) Rounds() []*Round { return slices.Clip(t.rounds.Items()) }

// KeyOfLease returns the key of the Lease document that a lease of the machine would belong to.
func KeyOfLease(name string) (Key, bool) {
	if len(name) <= len(Prefix) || name[:len(Prefix)] != Prefix {
		return Key{}, false
	}
	rest := name[len(Prefix):]
	i := strings.IndexByte(rest, '/')
	if i <= 0 {
		return Key{}, false
	}
	return Key{Kind: Lease, Namespace: rest[:i], Name: rest[i+1:]}, true
}

// A Round is a round of the election for a lease that has candidates and no holder.
type Round struct {
	Subject  string
	ID       uint64 // the revision at which it began
	Begun    lease.Millis
	Excluded string // the last holder: it is chosen only if no other candidate answers
	Over     bool   // the time to answer has passed
}
