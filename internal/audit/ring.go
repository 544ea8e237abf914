package audit

import (
	"cmp"
	"slices"
	"strings"
)

// Bounds of the records in memory. They apply to each class.
const (
	MaxKept      = 1_000
	maxKeptBytes = 1 << 20
)

// The classes of records in memory. Each has bounds of its own, so that neither writes nor refusals, which may be many,
// replace what administrators did.
const (
	denied = iota
	administrative
	other
	classes
)

func classOf(r *Record) int {
	switch {
	case r.Decision == Deny:
		return denied
	case r.Administrative:
		return administrative
	}
	return other
}

// kept are the newest records of a class, in a ring.
type kept struct {
	records      []Record // of MaxKept, once there is one
	first, count int
	bytes        int
}

// at returns the record at a place: 0 is the oldest.
func (k *kept) at(place int) *Record { return &k.records[(k.first+place)%MaxKept] }

// add adds a record, and removes old ones that are above the bounds.
func (k *kept) add(r Record) {
	if k.records == nil {
		k.records = make([]Record, MaxKept)
	}
	r.own()
	k.bytes += r.size()
	for k.count == MaxKept || k.bytes > maxKeptBytes && k.count > 0 {
		k.bytes -= k.at(0).size()
		*k.at(0) = Record{}
		k.first, k.count = (k.first+1)%MaxKept, k.count-1
	}
	*k.at(k.count) = r
	k.count++
}

// before appends the newest records that have a lower number and match, at most limit.
func (k *kept) before(all []Record, seq uint64, match func(*Record) bool, limit int) []Record {
	for place := k.count - 1; place >= 0 && limit > 0; place-- {
		if r := k.at(place); r.Seq < seq && match(r) {
			all = append(all, *r)
			limit--
		}
	}
	return all
}

// own copies the texts of a request, because they are parts of its larger header or body.
func (r *Record) own() {
	r.RequestID, r.Principal, r.Target = strings.Clone(r.RequestID), strings.Clone(r.Principal), strings.Clone(r.Target)
	r.Names = slices.Clone(r.Names)
	for i, name := range r.Names {
		r.Names[i] = strings.Clone(name)
	}
}

// size returns about how many bytes a record takes.
func (r *Record) size() int {
	n := 300 + len(r.RequestID) + len(r.Principal) + len(r.Target) + len(r.Reason)
	for _, name := range r.Names {
		n += 16 + len(name)
	}
	return n
}

// A Page is some of the newest records of a node, the newest first.
type Page struct {
	Node    string   `json:"node"`
	Records []Record `json:"records"`
	Next    uint64   `json:"next,omitempty"` // the value of before for the next page; 0: there are no older records
}

// Before returns the newest records in memory that have a lower number and match, at most limit.
func (l *Log) Before(seq uint64, match func(*Record) bool, limit int) Page {
	all := []Record{}
	l.mu.Lock()
	for i := range l.kept {
		all = l.kept[i].before(all, seq, match, limit+1)
	}
	l.mu.Unlock()
	slices.SortFunc(all, func(a, b Record) int { return cmp.Compare(b.Seq, a.Seq) })
	page := Page{Node: l.cfg.Node(), Records: all[:min(limit, len(all))]}
	if len(all) > limit {
		page.Next = all[limit-1].Seq
	}
	return page
}
