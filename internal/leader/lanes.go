package leader

import "github.com/lockd/lockd/internal/fsm"

// lane is a queue of commands that wait to be packed. Lanes of a lower number are packed
// first: what has run out, so that waiters get it; renewals; releases; and acquires last,
// which are also the first to be refused.
type lane int

const (
	ends     lane = iota // the leader's own decisions: few, and never refused
	renewals             // those that have to go through the log
	releases             // and what operators and the cluster itself send
	acquires
	laneCount
)

// most returns how many commands of a lane may wait.
func (l lane) most() int {
	switch l {
	case renewals, releases:
		return 16_384
	case acquires:
		return maxAcquires
	}
	return 1 << 30
}

// maxAcquires bounds how many acquires wait to be packed: about as many as are packed in
// half a second, so that an acquire that is refused has not waited long.
const maxAcquires = 4_096

const (
	// maxWaitingBytes bounds all lanes together but the first.
	maxWaitingBytes = 32 << 20
	// maxPackedBytes bounds one entry.
	maxPackedBytes = 256 << 10
)

func laneOf(c fsm.Command) lane {
	switch c.(type) {
	case *fsm.Expire, *fsm.Park:
		return ends
	case *fsm.Renew, *fsm.RenewSession:
		return renewals
	case *fsm.Acquire, *fsm.AcquireAll:
		return acquires
	}
	return releases
}

// sessionOf returns the session that a command is one of, or "".
func sessionOf(c fsm.Command) string {
	switch c := c.(type) {
	case *fsm.Acquire:
		return c.Session
	case *fsm.AcquireAll:
		return c.Session
	case *fsm.Renew:
		return c.Session
	case *fsm.RenewSession:
		return c.Session
	case *fsm.Release:
		return c.Session
	case *fsm.ReleaseSession:
		return c.Session
	case *fsm.Transfer:
		return c.Session
	case *fsm.Leave:
		return c.Session
	}
	return ""
}

// weight is how many leases a command may change. It bounds how long an entry keeps the
// machine, for which renewals wait.
func weight(c fsm.Command) int {
	if all, ok := c.(*fsm.AcquireAll); ok {
		return len(all.Names)
	}
	return 1
}

// lanes holds the proposals of one term that wait to be packed. It is not safe for
// concurrent use.
type lanes struct {
	queues    [laneCount][]proposal
	bytes     int
	acquiring map[string]int // acquires that wait, by session
}

// newLanes returns lanes in which nothing waits.
func newLanes() *lanes { return &lanes{acquiring: make(map[string]int)} }

// add lets a proposal wait. It returns false if its lane is full.
//
// A session's command never overtakes an acquire of that session: a release that did would
// leave its caller with the lease that it has released.
func (l *lanes) add(p proposal) bool {
	at := laneOf(p.command)
	if at != ends && (len(l.queues[at]) >= at.most() || l.bytes+len(p.encoded) > maxWaitingBytes) {
		return false
	}
	session := sessionOf(p.command)
	if at == acquires {
		l.acquiring[session]++
	} else if session != "" && l.acquiring[session] > 0 {
		at = acquires
	}
	l.queues[at] = append(l.queues[at], p)
	l.bytes += len(p.encoded)
	return true
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
	var taken [laneCount]int
	size, work := 0, 0
	take := func(at lane, keep int) {
		for _, next := range l.queues[at][taken[at]:] {
			w := weight(next.command)
			if len(batch) > 0 && (work+w > fsm.MaxEntryCommands-keep || size+len(next.encoded) > maxPackedBytes) {
				return
			}
			size, work = size+len(next.encoded), work+w
			batch = append(batch, next)
			taken[at]++
		}
	}
	for at := range laneCount {
		later := 0
		for _, q := range l.queues[at+1:] {
			later += reserved(q)
		}
		take(at, later)
	}
	for at := range laneCount {
		l.drop(at, taken[at])
	}
	return batch
}

// reserved returns how many places an entry keeps for a lane while others fill it.
func reserved(q []proposal) (places int) {
	const most = fsm.MaxEntryCommands / 8
	for _, next := range q {
		if places += weight(next.command); places >= most {
			return most
		}
	}
	return places
}

// drop removes the first proposals of a lane.
func (l *lanes) drop(at lane, count int) {
	for _, gone := range l.queues[at][:count] {
		l.bytes -= len(gone.encoded)
		if laneOf(gone.command) != acquires {
			continue
		}
		session := sessionOf(gone.command)
		if l.acquiring[session]--; l.acquiring[session] == 0 {
			delete(l.acquiring, session)
		}
	}
	clear(l.queues[at][:count])
	l.queues[at] = l.queues[at][count:]
}

// drain removes all proposals.
func (l *lanes) drain() (all []proposal) {
	for at := range laneCount {
		all = append(all, l.queues[at]...)
		l.drop(at, len(l.queues[at]))
	}
	return all
}
