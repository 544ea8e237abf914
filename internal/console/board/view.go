package board

import (
	"cmp"
	"math"
	"slices"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
)

// A Key is what leases are sorted by.
type Key string

// The keys.
const (
	ByName    Key = "name"
	ByAge     Key = "age"       // the longest first
	ByLeft    Key = "remaining" // the shortest first
	ByWaiters Key = "waiters"   // the most first
)

// Keys returns all keys.
func Keys() []Key { return []Key{ByName, ByAge, ByLeft, ByWaiters} }

// A View is a part of the leases, and figures of all of them.
type View struct {
	Leases   []lockd.State
	Matching int // leases that match the filter
	Held     int // leases
	Waiting  int // waiters
	Full     bool
	Trouble  error // of the last read; nil: it succeeded

	Grants, Expiries float64 // per second
}

// View returns the leases from skip on, at most most, that match a filter.
func (b *Board) View(filter string, by Key, skip, most int) View {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	v := View{Full: b.full, Trouble: b.trouble, Grants: b.grants.perSecond(now), Expiries: b.expiries.perSecond(now)}
	var rows []*row
	for _, r := range b.rows {
		if len(r.Holders) > 0 {
			v.Held++
		}
		v.Waiting += r.QueueLength
		if contains(&r.State, filter) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(x, y *row) int { return cmp.Or(compare(x, y, by), cmp.Compare(x.Name, y.Name)) })
	v.Matching = len(rows)
	skip = max(min(skip, len(rows)), 0)
	for _, r := range rows[skip:min(skip+most, len(rows))] {
		r.advance(now)
		s := r.State
		s.Holders = slices.Clone(s.Holders)
		v.Leases = append(v.Leases, s)
	}
	return v
}

func compare(x, y *row, by Key) int {
	switch by {
	case ByAge:
		return cmp.Compare(since(x), since(y))
	case ByLeft:
		return cmp.Compare(freeAt(x), freeAt(y))
	case ByWaiters:
		return cmp.Compare(y.QueueLength, x.QueueLength)
	}
	return 0
}

// since returns when the oldest hold began, in Unix milliseconds.
func since(r *row) int64 {
	began := int64(math.MaxInt64)
	for _, h := range r.Holders {
		began = min(began, r.at.Add(-h.Held.Duration()).UnixMilli())
	}
	return began
}

// freeAt returns when the lease is free at the latest unless it is renewed, in Unix milliseconds.
func freeAt(r *row) int64 {
	at := int64(math.MaxInt64)
	for _, left := range append([]*lockd.Millis{r.AvailableIn}, lefts(r)...) {
		if left != nil {
			at = min(at, r.at.Add(left.Duration()).UnixMilli())
		}
	}
	return at
}

func lefts(r *row) (all []*lockd.Millis) {
	for _, h := range r.Holders {
		all = append(all, h.FreeIn)
	}
	return all
}

// A rate counts events of the last seconds.
type rate struct {
	seconds [window + 1]struct {
		at int64 // Unix time
		n  int
	}
}

const window = 10 // seconds

func (r *rate) add(now time.Time) {
	s := &r.seconds[now.Unix()%int64(len(r.seconds))]
	if s.at != now.Unix() {
		s.at, s.n = now.Unix(), 0
	}
	s.n++
}

// perSecond returns the average of the last full seconds.
func (r *rate) perSecond(now time.Time) float64 {
	n := 0
	for _, s := range r.seconds {
		if age := now.Unix() - s.at; age >= 1 && age <= window {
			n += s.n
		}
	}
	return float64(n) / window
}
