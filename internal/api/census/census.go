// Package census counts leases, their holders and their waiters.
package census

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lockd/lockd/internal/api/feed"
	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
)

// Leases are the numbers of leases, each counted once for each property.
type Leases struct {
	Active    int `json:"active"`     // held, delayed or waited for
	Held      int `json:"held"`       // with a hold that is not being broken
	Breaking  int `json:"breaking"`   // every hold is being broken
	Delayed   int `json:"delayed"`    // no hold, and a delay is running
	WaitedFor int `json:"waited_for"` // with waiters
	Waiters   int `json:"waiters"`    // in all queues
	Holds     int `json:"holds"`
}

// A Holder is a holder name, with the principal that acquired for it.
type Holder struct {
	Holder    string `json:"holder"`
	Principal string `json:"principal,omitempty"`
	Holds     int    `json:"holds"`
	Waiting   int    `json:"waiting"` // places in queues
}

// A Minute has the numbers of events of a minute, by type.
type Minute struct {
	Start  string            `json:"start"`
	Events map[string]uint64 `json:"events"`
}

// Minutes returns the bodies for minutes.
func Minutes(all []feed.Minute) (bodies []Minute) {
	for _, m := range all {
		counts := make(map[string]uint64)
		for t, n := range m.Counts {
			counts[t.String()] = n
		}
		bodies = append(bodies, Minute{view.Time(m.Start), counts})
	}
	return bodies
}

// Count returns the numbers of the leases of a state that are visible.
func Count(state feed.State, visible func(name string) bool) (n Leases) {
	scan(state, visible, func(l *fsm.Lease) {
		n.Active++
		n.Holds += len(l.Holds)
		n.Waiters += len(l.Queue)
		if len(l.Queue) > 0 {
			n.WaitedFor++
		}
		switch l.State() {
		case fsm.StateHeld:
			n.Held++
		case fsm.StateBreaking:
			n.Breaking++
		case fsm.StateDelayed:
			n.Delayed++
		}
	})
	return n
}

// Holders returns the holders of the leases of a state that are visible, those with the most holds first.
func Holders(state feed.State, visible func(name string) bool, match func(holder, principal string) bool) []Holder {
	type key struct{ holder, principal string }
	counts := make(map[key]*Holder)
	of := func(holder, principal string) *Holder {
		k := key{holder, principal}
		h := counts[k]
		if h == nil {
			h = &Holder{Holder: holder, Principal: principal}
			counts[k] = h
		}
		return h
	}
	scan(state, visible, func(l *fsm.Lease) {
		for _, h := range l.Holds {
			if match(h.Holder, h.Principal) {
				of(h.Holder, h.Principal).Holds++
			}
		}
		for _, t := range l.Queue {
			if match(t.Holder, t.Principal) {
				of(t.Holder, t.Principal).Waiting++
			}
		}
	})
	all := make([]Holder, 0, len(counts))
	for _, h := range counts {
		all = append(all, *h)
	}
	slices.SortFunc(all, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(b.Holds, a.Holds), cmp.Compare(b.Waiting, a.Waiting),
			strings.Compare(a.Holder, b.Holder), strings.Compare(a.Principal, b.Principal))
	})
	return all
}

func scan(state feed.State, visible func(name string) bool, f func(*fsm.Lease)) {
	for more := true; more; {
		var page []*fsm.View
		page, more = state.Next()
		for _, v := range page {
			if visible(v.Lease.Name) {
				f(v.Lease)
			}
		}
	}
}
