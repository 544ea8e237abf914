package lease

import (
	"cmp"
	"slices"
	"strings"
)

// A Selection selects active leases and orders them. The zero value selects all of them, by name.
type Selection struct {
	Prefix    string // of the name
	Holder    string // only leases that this holder name holds; "": any
	Principal string // only leases of which this principal has a hold; "": any
	State     State  // only leases in this state; 0: any
	Waited    bool   // only leases with waiters
	Order     Order
}

// Order is the order of a page of leases.
type Order uint8

// The orders. Queries between nodes contain them: add at the end, never reorder.
const (
	ByName    Order = iota
	ByAge           // the lease whose oldest hold is the oldest first; leases without a hold last
	ByWaiters       // the lease with the most waiters first
	orderEnd
)

// Orders returns the names of the orders, in order.
func Orders() []string { return []string{"name", "age", "waiters"} }

// Scans reports whether the selection has to look at leases beyond the page that it returns.
func (s Selection) Scans() bool { return s != Selection{Prefix: s.Prefix} }

// matches reports whether a lease with the prefix is selected.
func (s Selection) matches(l *Lease) bool {
	return (s.Holder == "" || l.HeldBy(s.Holder) != nil) &&
		(s.State == 0 || l.State() == s.State) &&
		(!s.Waited || len(l.Queue) > 0) &&
		(s.Principal == "" || slices.ContainsFunc(l.Holds, func(h *Hold) bool { return h.Principal == s.Principal }))
}

// Compare orders two leases, those with the same rank by name.
func (o Order) Compare(a, b *Lease) int {
	rank := 0
	switch o {
	case ByAge:
		rank = cmp.Or(cmp.Compare(truth(len(b.Holds) > 0), truth(len(a.Holds) > 0)), cmp.Compare(a.oldest(), b.oldest()))
	case ByWaiters:
		rank = cmp.Compare(len(b.Queue), len(a.Queue))
	}
	return cmp.Or(rank, strings.Compare(a.Name, b.Name))
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// oldest returns when the oldest hold was granted.
func (l *Lease) oldest() Millis {
	if len(l.Holds) == 0 {
		return 0
	}
	return l.Holds[0].Granted
}

// Page returns up to limit leases that are selected. By name, it returns those after the cursor, and the next cursor, or
// "" at the end. In another order there is no cursor: it returns the first ones.
func (a Active) Page(s Selection, after string, limit int) (page []*Lease, next string) {
	from := max(s.Prefix, after)
	if s.Order != ByName {
		from = s.Prefix
	}
	a.tree.Ascend(&Lease{Name: from}, func(l *Lease) bool {
		switch {
		case !strings.HasPrefix(l.Name, s.Prefix):
			return false
		case s.Order == ByName && l.Name == after && after != "", !s.matches(l):
			return true
		case s.Order == ByName && len(page) == limit:
			next = page[limit-1].Name
			return false
		}
		if page = append(page, l); s.Order != ByName && len(page) >= 4*limit {
			page = s.Order.first(page, limit)
		}
		return true
	})
	if s.Order != ByName {
		page = slices.Clone(s.Order.first(page, limit))
	}
	return page, next
}

// first sorts leases and returns up to limit of them.
func (o Order) first(page []*Lease, limit int) []*Lease {
	slices.SortFunc(page, o.Compare)
	return page[:min(limit, len(page))]
}

// Selection appends what a version after 3 adds to the prefix and the holder.
func (e *Encoder) Selection(s Selection) {
	e.String(s.Principal)
	e.Uint(uint64(s.State))
	e.Bool(s.Waited)
	e.Uint(uint64(s.Order))
}

// Selection reads what Encoder.Selection wrote.
func (d *Decoder) Selection(s *Selection) {
	s.Principal = d.String(MaxHolderBytes)
	s.State = State(d.ByteOf(uint64(StateBreaking)))
	s.Waited = d.Bool()
	s.Order = Order(d.ByteOf(uint64(orderEnd) - 1))
}
