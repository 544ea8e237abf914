package watch

import (
	"sync"

	"github.com/lockd/lockd/internal/fsm"
)

// ActivityMinutes is for how many minutes a node knows how many events there were.
const ActivityMinutes = 60

// A Minute has the numbers of events in a minute, by their type.
type Minute struct {
	Start  int64      // Unix milliseconds
	Counts [16]uint64 // by fsm.EventType
}

// activity counts events by the minute in which they happened.
type activity struct {
	mu      sync.Mutex // guards minutes
	minutes [ActivityMinutes]Minute
}

const minute = int64(60_000)

func (a *activity) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.minutes = [ActivityMinutes]Minute{}
}

func (a *activity) add(events []*fsm.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range events {
		start := e.Wall - e.Wall%minute
		m := &a.minutes[(e.Wall/minute)%ActivityMinutes]
		switch {
		case e.Wall <= 0 || start < m.Start: // without a time, or older than an hour
			continue
		case start > m.Start:
			*m = Minute{Start: start}
		}
		m.Counts[int(e.Type)%len(m.Counts)]++
	}
}

// Activity returns the numbers of events in the hour before a time, in Unix milliseconds: one Minute for each minute,
// oldest first, the last of them not over yet.
func (h *Hub) Activity(now int64) []Minute {
	h.activity.mu.Lock()
	defer h.activity.mu.Unlock()
	last := now - now%minute
	var all []Minute
	for start := last - (ActivityMinutes-1)*minute; start <= last; start += minute {
		m := h.activity.minutes[(start/minute)%ActivityMinutes]
		if m.Start != start {
			m = Minute{Start: start}
		}
		all = append(all, m)
	}
	return all
}
