package leader

import (
	"slices"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

// limit returns how many commands may wait in a lane. LaneExpiry has no limit.
func limit(l fsm.Lane) int {
	if l == fsm.LaneAcquire {
		return maxAcquires
	}
	return 16_384
}

// maxAcquires bounds how many acquires wait to be packed: about as many as are packed in
// half a second, so that an acquire that is refused has not waited long.
const maxAcquires = 4_096

const (
	// maxWaitingBytes limits all lanes together except LaneExpiry.
	maxWaitingBytes = 32 << 20
	// maxPackedBytes bounds one entry.
	maxPackedBytes = 256 << 10
)

// lanes holds the proposals of one term that wait to be packed. It is not safe for
// concurrent use.
type lanes struct {
	queues    [fsm.LaneCount][]proposal
	bytes     int
	salt      string         // sessions are sealed with it, like those of the machine
	acquiring map[string]int // acquires that wait, by session
}

// newLanes returns lanes in which nothing waits.
func newLanes() *lanes { return &lanes{acquiring: make(map[string]int)} }

// add lets a proposal wait. It returns false if its lane is full.
//
// A session's command never overtakes an acquire of that session: if a release did, its
// caller would be granted the lease that it has released.
func (l *lanes) add(p proposal) bool {
	p.traits = p.command.Traits()
	p.traits.Session = access.SealSession(l.salt, p.traits.Session)
	at, session := p.traits.Lane, p.traits.Session
	if at != fsm.LaneExpiry && (len(l.queues[at]) >= limit(at) || l.bytes+len(p.encoded) > maxWaitingBytes) {
		return false
	}
	if at == fsm.LaneAcquire {
		l.acquiring[session]++
	} else if session != "" && l.acquiring[session] > 0 {
		at = fsm.LaneAcquire
	}
	l.queues[at] = append(l.queues[at], p)
	l.bytes += len(p.encoded)
	return true
}

// seal seals the sessions of the proposals that wait. It has no effect if they are sealed already.
func (l *lanes) seal(salt string) {
	if l.salt == salt {
		return
	}
	l.salt, l.acquiring = salt, make(map[string]int)
	for at, q := range l.queues {
		for i := range q {
			q[i].traits.Session = access.SealSession(salt, q[i].traits.Session)
			if q[i].traits.Lane == fsm.LaneAcquire {
				l.acquiring[q[i].traits.Session]++
			}
		}
		l.queues[at] = q
	}
}

// waiting returns how many proposals wait.
func (l *lanes) waiting() (count int) {
	for _, q := range l.queues {
		count += len(q)
	}
	return count
}

// take removes the proposals that go into the next entry. Each later lane gets an eighth of
// the places, so that none starves: when a hundred thousand leases end at once, entry after
// entry is full of ends.
func (l *lanes) take() (batch []proposal) {
	var taken [fsm.LaneCount]int
	size, work := 0, 0
	take := func(at fsm.Lane, keep int) {
		for _, next := range l.queues[at][taken[at]:] {
			w := next.traits.Weight
			if len(batch) > 0 && (work+w > fsm.MaxEntryCommands-keep || size+len(next.encoded) > maxPackedBytes) {
				return
			}
			size, work = size+len(next.encoded), work+w
			batch = append(batch, next)
			taken[at]++
		}
	}
	for at := range fsm.LaneCount {
		later := 0
		for _, q := range l.queues[at+1:] {
			later += reserved(q)
		}
		take(at, later)
	}
	for at := range fsm.LaneCount {
		l.drop(at, taken[at])
	}
	return batch
}

// reserved returns how many places an entry keeps for a lane while others fill it.
func reserved(q []proposal) (places int) {
	const most = fsm.MaxEntryCommands / 8
	for _, next := range q {
		if places += next.traits.Weight; places >= most {
			return most
		}
	}
	return places
}

// drop removes the first proposals of a lane.
func (l *lanes) drop(at fsm.Lane, count int) {
	for _, gone := range l.queues[at][:count] {
		l.forget(gone)
	}
	clear(l.queues[at][:count])
	l.queues[at] = l.queues[at][count:]
}

// forget updates the totals for a proposal that is removed.
func (l *lanes) forget(gone proposal) {
	l.bytes -= len(gone.encoded)
	if gone.traits.Lane != fsm.LaneAcquire {
		return
	}
	session := gone.traits.Session
	if l.acquiring[session]--; l.acquiring[session] == 0 {
		delete(l.acquiring, session)
	}
}

// remove removes the proposals whose commands match.
func (l *lanes) remove(matches func(fsm.Command) bool) (removed []proposal) {
	for at, q := range l.queues {
		l.queues[at] = slices.DeleteFunc(q, func(p proposal) bool {
			if !matches(p.command) {
				return false
			}
			l.forget(p)
			removed = append(removed, p)
			return true
		})
	}
	return removed
}

// drain removes all proposals.
func (l *lanes) drain() (all []proposal) {
	for at := range fsm.LaneCount {
		all = append(all, l.queues[at]...)
		l.drop(at, len(l.queues[at]))
	}
	return all
}
