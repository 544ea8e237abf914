package lease

import "github.com/tidwall/btree"

// A Table stores the leases by name, and the histories of those that are free again. It
// counts their bytes and their tickets.
type Table struct {
	active  *btree.BTreeG[*Lease]
	past    *btree.BTreeG[Past]      // by name
	freed   *btree.BTreeG[freedName] // the same, oldest first
	bytes   int
	waiting int
	forever int // holds without a TTL
	usages  usages
}

// A Past is the history of a free lease.
type Past struct {
	Name    string
	Freed   uint64 // the revision at which it became free
	History *History
}

type freedName struct {
	freed uint64
	name  string
}

// NewTable returns an empty table.
func NewTable() *Table {
	return &Table{
		active: tree(func(a, b *Lease) bool { return a.Name < b.Name }),
		past:   tree(func(a, b Past) bool { return a.Name < b.Name }),
		freed: tree(func(a, b freedName) bool {
			return a.freed < b.freed || a.freed == b.freed && a.name < b.name
		}),
	}
}

func tree[T any](less func(a, b T) bool) *btree.BTreeG[T] {
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
}

// Get returns the lease of a name. If it is not active, the lease is empty except for its
// history, if that is kept.
func (t *Table) Get(name string) *Lease {
	if l, ok := t.active.Get(&Lease{Name: name}); ok {
		return l
	}
	if p, ok := t.past.Get(Past{Name: name}); ok {
		return &Lease{Name: name, Limit: 1, History: p.History}
	}
	return &Lease{Name: name, Limit: 1, History: &History{}}
}

// Put stores a lease, or only its history if the lease became free at a revision.
func (t *Table) Put(l *Lease, revision uint64) {
	if l.Active() {
		l.fold()
		if !t.replace(l) {
			t.forget(l.Name)
		}
		return
	}
	if old, ok := t.active.Delete(l); ok {
		t.uncount(old)
	} else {
		t.forget(l.Name)
	}
	if l.History.Transitions == 0 {
		return
	}
	t.PutPast(Past{l.Name, revision, l.History})
	if t.past.Len() > MaxPast {
		t.ForgetOldest()
	}
}

// forget forgets the history of a name that is not active, if it is kept.
func (t *Table) forget(name string) {
	if p, ok := t.past.Delete(Past{Name: name}); ok {
		t.freed.Delete(freedName{p.Freed, name})
		t.bytes -= p.Size()
	}
}

// replace stores an active lease and counts it. It reports whether the lease was active before: then its history is not
// among those of free leases.
func (t *Table) replace(l *Lease) (before bool) {
	l.bytes = l.Size()
	t.bytes += l.bytes
	t.waiting += len(l.Queue)
	t.forever += l.permanent()
	t.usages.count(l, 1)
	old, before := t.active.Set(l)
	if before {
		t.uncount(old)
	}
	return before
}

func (t *Table) uncount(old *Lease) {
	t.bytes -= old.bytes
	t.waiting -= len(old.Queue)
	t.forever -= old.permanent()
	t.usages.count(old, -1)
}

// PutPast stores the history of a free lease that the table does not have.
func (t *Table) PutPast(p Past) {
	t.past.Set(p)
	t.freed.Set(freedName{p.Freed, p.Name})
	t.bytes += p.Size()
}

// ForgetOldest forgets the lease that became free first, and reports whether there was one.
func (t *Table) ForgetOldest() bool {
	oldest, ok := t.freed.PopMin()
	if p, known := t.past.Delete(Past{Name: oldest.name}); ok && known {
		t.bytes -= p.Size()
	}
	return ok
}

// Seal replaces each session by what seal returns for it.
func (t *Table) Seal(seal func(session string) string) {
	for _, l := range t.active.Items() {
		t.replace(l.sealed(seal))
	}
	for _, p := range t.past.Items() {
		t.bytes -= p.Size()
		p.History = p.History.sealed(seal)
		t.bytes += p.Size()
		t.past.Set(p)
	}
}

// Waiting returns how many tickets there are in all queues.
func (t *Table) Waiting() int { return t.waiting }

// Permanent returns how many holds have no TTL.
func (t *Table) Permanent() int { return t.forever }

// Bytes returns the approximate size of the table in bytes.
func (t *Table) Bytes() int { return t.bytes }

// Len returns the number of active leases.
func (t *Table) Len() int { return t.active.Len() }

// Scan calls f with each active lease, in the order of names, until f returns false.
func (t *Table) Scan(f func(*Lease) bool) { t.active.Scan(f) }

// Active returns the active leases. Later changes of the table do not affect them. It copies
// only a copy-on-write handle.
func (t *Table) Active() Active { return Active{t.active.Copy()} }

// Past returns the free leases whose history is kept, in the same way.
func (t *Table) Past() *btree.BTreeG[Past] { return t.past.Copy() }

// Page is Active.Page of the current leases.
func (t *Table) Page(s Selection, after string, limit int) (page []*Lease, next string) {
	return Active{t.active}.Page(s, after, limit)
}

// Active are the leases that are held, in a cooldown or waited for.
type Active struct{ tree *btree.BTreeG[*Lease] }

// Len returns the number of leases.
func (a Active) Len() int { return a.tree.Len() }

// Scan calls f with each lease, in the order of names, until f returns false.
func (a Active) Scan(f func(*Lease) bool) { a.tree.Scan(f) }
