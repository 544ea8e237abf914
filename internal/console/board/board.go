// Package board keeps the leases of a cluster current, from listings and a watch, for screens that show them.
package board

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console/leases"
)

// Limits of what a board stores. A lease needs about 600 bytes as a rule.
const (
	MaxLeases  = 100_000 // further leases are not shown
	maxHolders = 16      // of a lease
	maxURL     = 200     // bytes
)

// A Board has the leases that are held, delayed or have waiters. Times that pass, such as the rest of a lease, are
// extrapolated until the lease is read again.
type Board struct {
	now func() time.Time

	mu       sync.Mutex
	rows     map[string]*row
	changed  map[string]bool // leases to read again, because an event does not have their whole state
	revision uint64          // of the newest event
	full     bool            // a lease did not fit
	trouble  error           // of the last read; nil: it succeeded

	grants, expiries rate
}

// A row is a lease, as of a time and a revision.
type row struct {
	lockd.State
	at       time.Time
	revision uint64
}

// New returns an empty board.
func New(now func() time.Time) *Board {
	return &Board{now: now, rows: make(map[string]*row), changed: make(map[string]bool)}
}

// reset removes all leases.
func (b *Board) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows, b.changed, b.revision, b.full = make(map[string]*row), make(map[string]bool), 0, false
}

// put stores states that were read at a revision. A state that is older than what an event has reported is ignored. A
// lease that is not on the board is added unless events are ahead of the revision: it may have ended since.
func (b *Board) put(revision uint64, states ...lockd.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for _, s := range states {
		old := b.rows[s.Name]
		if old != nil && old.revision > revision || old == nil && b.revision > revision {
			continue
		}
		delete(b.changed, s.Name)
		if len(s.Holders) == 0 && s.QueueLength == 0 && s.AvailableIn == nil {
			delete(b.rows, s.Name)
			continue
		}
		b.set(&row{State: compact(s), at: now, revision: revision})
	}
}

// set stores a row if there is room.
func (b *Board) set(r *row) bool {
	if b.rows[r.Name] == nil && len(b.rows) >= MaxLeases {
		b.full = true
		return false
	}
	b.rows[r.Name] = r
	return true
}

// compact returns a state without what a board does not show.
func compact(s lockd.State) lockd.State {
	s.Queue, s.Holders = nil, slices.Clone(s.Holders[:min(len(s.Holders), maxHolders)])
	for i := range s.Holders {
		s.Holders[i].Meta = onlyURL(s.Holders[i].Meta)
	}
	return s
}

func onlyURL(meta json.RawMessage) json.RawMessage {
	url := leases.URL(meta)
	if url == "" || len(url) > maxURL {
		return nil
	}
	short, _ := json.Marshal(map[string]string{"url": url}) // a map of texts has JSON
	return short
}

// apply applies an event that is newer than the board.
func (b *Board) apply(e lockd.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	b.revision = max(b.revision, e.Revision)
	switch e.Type {
	case lockd.EventAcquired:
		b.grants.add(now)
	case lockd.EventExpired:
		b.expiries.add(now)
	}
	r := b.rows[e.Name]
	if r == nil {
		r = &row{State: lockd.State{Name: e.Name, State: "free"}, at: now}
	}
	if e.Revision <= r.revision {
		return
	}
	r.advance(now)
	r.revision = e.Revision
	r.change(e)
	if len(r.Holders) == 0 && r.QueueLength == 0 && r.State.State != "delayed" {
		delete(b.rows, e.Name)
		delete(b.changed, e.Name)
		return
	}
	if b.set(r) {
		b.changed[e.Name] = true
	}
}

// change applies an event to a lease.
func (r *row) change(e lockd.Event) {
	switch e.Type {
	case lockd.EventAcquired, lockd.EventReclaimed:
		if e.Type == lockd.EventReclaimed {
			r.remove(func(h lockd.HolderState) bool { return h.Holder == e.Holder })
		}
		if len(r.Holders) < maxHolders {
			r.Holders = append(r.Holders, lockd.HolderState{Holder: e.Holder, Token: e.Token, Meta: onlyURL(e.Meta)})
		}
		r.State.State, r.AvailableIn, r.HolderCount = "held", nil, max(r.HolderCount+1, len(r.Holders))
	case lockd.EventReleased, lockd.EventTransferred, lockd.EventExpired:
		r.remove(func(h lockd.HolderState) bool { return h.Token == e.Token })
	case lockd.EventBroken:
		for i := range r.Holders {
			r.Holders[i].Breaking = r.Holders[i].Breaking || r.Holders[i].Token == e.Token
		}
		r.State.State = "breaking"
	case lockd.EventDelayed:
		r.Holders, r.HolderCount, r.State.State = nil, 0, "delayed"
	case lockd.EventFree:
		r.Holders, r.HolderCount, r.AvailableIn, r.State.State = nil, 0, nil, "free"
	case lockd.EventMeta:
		for i := range r.Holders {
			if r.Holders[i].Token == e.Token {
				r.Holders[i].Meta = onlyURL(e.Meta)
			}
		}
	}
}

// remove removes holders.
func (r *row) remove(which func(lockd.HolderState) bool) {
	before := len(r.Holders)
	r.Holders = slices.DeleteFunc(r.Holders, which)
	r.HolderCount = max(r.HolderCount-(before-len(r.Holders)), len(r.Holders))
	if len(r.Holders) == 0 {
		r.State.State = "free"
	}
}

// advance extrapolates times.
func (r *row) advance(now time.Time) {
	passed := lockd.Millis(now.Sub(r.at).Milliseconds())
	r.at = r.at.Add(passed.Duration())
	less := func(m *lockd.Millis) *lockd.Millis {
		if m == nil {
			return nil
		}
		left := max(*m-passed, 0)
		return &left
	}
	r.AvailableIn = less(r.AvailableIn)
	for i := range r.Holders {
		h := &r.Holders[i]
		h.Held, h.FreeIn = h.Held+passed, less(h.FreeIn)
		if h.RenewedAgo != nil {
			ago := *h.RenewedAgo + passed
			h.RenewedAgo = &ago
		}
	}
}

// takeChanged removes and returns up to most leases to read again.
func (b *Board) takeChanged(most int) (names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.changed {
		if len(names) == most {
			break
		}
		names = append(names, name)
		delete(b.changed, name)
	}
	return names
}

func (b *Board) setTrouble(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trouble = err
}

// contains reports whether a lease has a text in its name or in the label of a holder.
func contains(s *lockd.State, text string) bool {
	return strings.Contains(s.Name, text) || slices.ContainsFunc(s.Holders, func(h lockd.HolderState) bool { return strings.Contains(h.Holder, text) })
}
