package leader

import (
	"sync"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

const (
	// maxChecks bounds how many checks wait for one round.
	maxChecks = 65_536
	// heartbeatPause is the time between two requests for heartbeats while a round is not
	// confirmed.
	heartbeatPause = 50 * time.Millisecond
)

// A check is a read of the applied state that may be answered only after a quorum has
// confirmed the term in a round that began after the read arrived.
type check struct {
	commit  uint64               // Raft's commit index when it arrived
	look    func(m *fsm.Machine) // called when the round is confirmed, under the lock of Host.View
	respond func(err error)      // called after look, or with the reason why there is no answer
}

// A stage is how far a confirmer is with its batch. Each is a step of its own: anything
// may happen between two of them.
type stage int

const (
	gathering  stage = iota // there is no batch
	pausing                 // there is no batch, and checks wait until the next round is due
	confirming              // the round is not confirmed, or not all is applied
	confirmed
	current // the term was current after the round was confirmed
	answered
)

// confirmer answers checks, one batch and round at a time; those that arrive meanwhile
// share the next one.
type confirmer struct {
	t      *Term
	rounds *Rounds
	self   string

	// mu guards the rest.
	mu          sync.Mutex
	waiting     []check
	closed      bool
	reached     uint64 // everything up to it is applied
	stage       stage
	batch       []check
	round       uint64
	commit      uint64        // everything up to it must be applied before an answer
	heartbeatAt time.Duration // when heartbeats are requested again
	pacer       pacer
}

// add queues a check; its respond is called exactly once.
func (c *confirmer) add(k check) {
	c.mu.Lock()
	var err error
	switch {
	case c.closed:
		err = fsm.ErrNoLeader
	case len(c.waiting) >= maxChecks:
		err = fsm.ErrOverloaded
	default:
		c.waiting = append(c.waiting, k)
	}
	free := c.stage == gathering || c.stage == pausing && c.pacer.enough(len(c.waiting))
	c.mu.Unlock()
	switch {
	case err != nil:
		k.respond(err)
	case free:
		c.t.host.Wake(Confirm)
	}
}

// acked continues with a batch whose round may be confirmed now.
func (c *confirmer) acked() {
	c.mu.Lock()
	waits := c.stage == confirming
	c.mu.Unlock()
	if waits {
		c.t.host.Wake(Confirm)
	}
}

// applied continues with a batch that waits for entries to be applied.
func (c *confirmer) applied(index uint64) {
	c.mu.Lock()
	waits := c.stage == confirming && c.reached < c.commit && index >= c.commit
	c.reached = max(c.reached, index)
	c.mu.Unlock()
	if waits {
		c.t.host.Wake(Confirm)
	}
}

// run takes the next step with the batch, or begins the next one.
func (c *confirmer) run() (due time.Duration) {
	c.mu.Lock()
	at := c.stage
	c.mu.Unlock()
	switch at {
	case gathering, pausing:
		if due, ok := c.gather(); !ok {
			return due
		}
		return c.confirm()
	case confirming:
		return c.confirm()
	case confirmed:
		if !c.t.Serves() {
			return c.answer(fsm.ErrNoLeader)
		}
		return c.enter(current)
	case current:
		c.t.host.View(func(r *Replica) {
			for _, k := range c.batch {
				k.look(r.Machine)
			}
		})
		return c.enter(answered)
	case answered:
		return c.answer(nil)
	}
	return Idle
}

// gather begins a round for the checks that wait, if one may begin now. Else it returns
// when the next one may.
func (c *confirmer) gather() (due time.Duration, ok bool) {
	now := c.t.host.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		c.stage = gathering
		return Idle, false
	}
	if due := c.pacer.due(len(c.waiting)); now < due {
		c.stage = pausing
		return due, false
	}
	c.pacer.began = now
	c.batch, c.waiting = c.waiting, nil
	c.stage, c.round, c.commit, c.heartbeatAt = confirming, c.rounds.Begin(), 0, 0
	for _, k := range c.batch {
		c.commit = max(c.commit, k.commit)
	}
	return 0, true
}

// confirm continues if the round is confirmed and everything up to commit is applied.
func (c *confirmer) confirm() (due time.Duration) {
	if !c.rounds.Confirmed(c.t.number, c.round, c.t.host.Voters(), c.self) {
		now := c.t.host.Now()
		if now >= c.heartbeatAt {
			c.heartbeatAt = now + heartbeatPause
			c.t.host.Heartbeat()
		}
		return c.heartbeatAt
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reached < c.commit {
		return Idle
	}
	c.stage = confirmed
	return AtOnce
}

func (c *confirmer) enter(next stage) (due time.Duration) {
	c.mu.Lock()
	c.stage = next
	c.mu.Unlock()
	return AtOnce
}

// answer answers the batch, and lets the next one begin.
func (c *confirmer) answer(err error) (due time.Duration) {
	c.mu.Lock()
	batch := c.batch
	c.pacer.ended(len(batch) + len(c.waiting))
	c.stage, c.batch = gathering, nil
	due = Idle
	if len(c.waiting) > 0 {
		due = AtOnce
	}
	c.mu.Unlock()
	for _, k := range batch {
		k.respond(err)
	}
	return due
}

// close refuses the checks that wait.
func (c *confirmer) close() {
	c.mu.Lock()
	c.closed = true
	refused := append(c.batch, c.waiting...)
	c.stage, c.batch, c.waiting = gathering, nil, nil
	c.mu.Unlock()
	for _, k := range refused {
		k.respond(fsm.ErrNoLeader)
	}
}

func (c *confirmer) pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.batch) + len(c.waiting)
}
