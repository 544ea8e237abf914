package segments

import "slices"

// A place is that of an entry.
type place struct {
	segment uint64
	at      int64
}

// index has the place of each entry of the log. The entries have no gap.
type index struct {
	first  uint64 // the index of the first entry, if there is one
	places []place
}

// last returns the index of the newest entry, or 0.
func (x *index) last() uint64 {
	if len(x.places) == 0 {
		return 0
	}
	return x.first + uint64(len(x.places)) - 1
}

// follows reports whether an entry may be the next one.
func (x *index) follows(i uint64) bool { return i > 0 && (len(x.places) == 0 || i == x.last()+1) }

// find returns the place of an entry.
func (x *index) find(i uint64) (place, bool) {
	if len(x.places) == 0 || i < x.first || i > x.last() {
		return place{}, false
	}
	return x.places[i-x.first], true
}

func (x *index) add(i uint64, p place) {
	if len(x.places) == 0 {
		x.first = i
	}
	x.places = append(x.places, p)
}

// cut removes the entries after i.
func (x *index) cut(i uint64) {
	if i < x.last() {
		x.places = x.places[:max(i+1, x.first)-x.first]
	}
}

// drop removes the entries before i.
func (x *index) drop(i uint64) {
	if n := min(max(i, x.first)-x.first, uint64(len(x.places))); n > 0 {
		x.places, x.first = slices.Clone(x.places[n:]), x.first+n // the old ones take no memory
	}
}
