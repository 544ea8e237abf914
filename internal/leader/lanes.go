package leader

import "github.com/lockd/lockd/internal/fsm"

// lane is where a command waits to be packed. Those of a lower number are packed
// first: what ends by time, so that waiters get it; what keeps a hold; what gives
// one back; and, last of all and the first to be refused, what asks for one.
type lane int

const (
	ends     lane = iota // the leader's own decisions: few, and never refused
	renewals             // those that have to go through the log
	releases             // and an operator's and the cluster's own
	acquires
	laneCount
)

// most returns how many commands of a lane may wait.
func (l lane) most() int {
	switch l {
	case renewals, releases:
		return 16_384
	case acquires:
		return MaxAcquires
	}
	return 1 << 30
}

// MaxAcquires bounds how many acquires wait to be packed: about as many as are
// packed in half a second, so that who is refused has not waited long in vain.
const MaxAcquires = 4_096

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

// weight is how many leases a command may change, so that no entry keeps the
// machine for long: renewals wait for it meanwhile.
func weight(c fsm.Command) int {
	if all, ok := c.(*fsm.AcquireAll); ok {
		return len(all.Names)
	}
	return 1
}

// Lanes holds the commands of one term that wait to be packed, with what P keeps
// for each. It is not safe for concurrent use.
type Lanes[P any] struct {
	queues [laneCount][]queued[P]
	bytes  int
	asking map[string]int // acquires that wait, by session
}

type queued[P any] struct {
	command fsm.Command
	size    int
	value   P
}

// NewLanes returns lanes in which nothing waits.
func NewLanes[P any]() *Lanes[P] { return &Lanes[P]{asking: make(map[string]int)} }

// Add lets a command of a size in bytes wait; false where there is no room.
//
// A session's command never overtakes an acquire of that session: a release that
// did would leave its caller with what it has given back.
func (l *Lanes[P]) Add(c fsm.Command, size int, value P) bool {
	at := laneOf(c)
	if at != ends && (len(l.queues[at]) >= at.most() || l.bytes+size > maxWaitingBytes) {
		return false
	}
	session := sessionOf(c)
	if at == acquires {
		l.asking[session]++
	} else if session != "" && l.asking[session] > 0 {
		at = acquires
	}
	l.queues[at] = append(l.queues[at], queued[P]{c, size, value})
	l.bytes += size
	return true
}

// Waiting returns how many commands wait.
func (l *Lanes[P]) Waiting() (count int) {
	for _, q := range l.queues {
		count += len(q)
	}
	return count
}

// Take removes what goes into the next entry. What waits in a lower lane gets an
// eighth of the places, so that none stands still: when a hundred thousand leases
// end at once, entry after entry is full of ends.
func (l *Lanes[P]) Take() (batch []P) {
	var taken [laneCount]int
	size, work := 0, 0
	take := func(at lane, keep int) {
		for _, next := range l.queues[at][taken[at]:] {
			w := weight(next.command)
			if len(batch) > 0 && (work+w > fsm.MaxEntryCommands-keep || size+next.size > maxPackedBytes) {
				return
			}
			size, work = size+next.size, work+w
			batch = append(batch, next.value)
			taken[at]++
		}
	}
	for at := range laneCount {
		below := 0
		for _, q := range l.queues[at+1:] {
			below += owed(q)
		}
		take(at, below)
	}
	for at := range laneCount {
		l.drop(at, taken[at])
	}
	return batch
}

// owed is how many places an entry keeps for a lane while others fill it.
func owed[P any](q []queued[P]) (places int) {
	const most = fsm.MaxEntryCommands / 8
	for _, next := range q {
		if places += weight(next.command); places >= most {
			return most
		}
	}
	return places
}

// drop removes the first of a lane.
func (l *Lanes[P]) drop(at lane, count int) {
	for _, gone := range l.queues[at][:count] {
		l.bytes -= gone.size
		if laneOf(gone.command) != acquires {
			continue
		}
		session := sessionOf(gone.command)
		if l.asking[session]--; l.asking[session] == 0 {
			delete(l.asking, session)
		}
	}
	clear(l.queues[at][:count])
	l.queues[at] = l.queues[at][count:]
}

// Drain removes everything.
func (l *Lanes[P]) Drain() (all []P) {
	for at := range laneCount {
		for _, q := range l.queues[at] {
			all = append(all, q.value)
		}
		l.drop(at, len(l.queues[at]))
	}
	return all
}
