package leader

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// A proposal is a command on its way into the log.
type proposal struct {
	command fsm.Command
	traits  fsm.Traits // of command, once it is in a lane
	encoded []byte
	version uint64 // that encoded is in
	arrival time.Duration
	respond func(fsm.Result, timing, error)
}

// encode makes sure that a proposal is encoded in a version: one that waited while the
// version grew is encoded again.
func (b *proposal) encode(version uint64) (err error) {
	if b.encoded == nil || b.version != version {
		b.encoded, err = fsm.EncodeCommand(b.command, version)
		b.version = version
	}
	return err
}

// maxInFlight entries are on their way at once: one is being written while the next one
// gathers.
const maxInFlight = 2

// packer gathers the proposals of one term and packs those that wait into one entry: all
// that arrived while the last entries were in flight, without a delay of its own. It is
// emptied when its term ends, so that no decision gets into a later term.
type packer struct {
	t       *Term
	version atomic.Uint64 // that entries are written in

	// mu guards the rest.
	mu       sync.Mutex
	lanes    *lanes
	inFlight int // entries whose outcome is not known
	closed   bool
}

// propose queues commands, all at once, so that as many as fit go into one entry.
// Respond is called exactly once for each: with fsm.ErrOverloaded, ErrNoLeader,
// ErrNotReady or ErrNotYet if the command was certainly not applied.
func (p *packer) propose(all ...proposal) {
	version := p.version.Load()
	refused := make([]error, len(all))
	for i := range all {
		refused[i] = all[i].encode(version)
	}
	p.mu.Lock()
	for i, b := range all {
		if refused[i] == nil {
			refused[i] = p.enqueue(b)
		}
	}
	ready := p.ready()
	p.mu.Unlock()
	if ready {
		p.t.host.Wake(Pack)
	}
	for i, b := range all {
		if refused[i] != nil {
			b.respond(fsm.Result{}, timing{}, refused[i])
		}
	}
}

// enqueue lets a command wait for its entry. The caller holds mu.
func (p *packer) enqueue(b proposal) error {
	switch {
	case p.closed:
		return fsm.ErrNoLeader
	case !p.lanes.add(b):
		return fsm.ErrOverloaded
	}
	return nil
}

// seal seals the sessions of the proposals that wait: the machine has sealed its own.
func (p *packer) seal(salt string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lanes.seal(salt)
}

// withdraw removes the proposals that wait and whose commands match.
func (p *packer) withdraw(matches func(fsm.Command) bool) []proposal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lanes.remove(matches)
}

// ready reports whether an entry can be packed. The caller holds mu.
func (p *packer) ready() bool { return p.inFlight < maxInFlight && p.lanes.waiting() > 0 }

// run packs one entry, if it can.
func (p *packer) run() (due time.Duration) {
	batch, more := p.take()
	if len(batch) > 0 {
		p.pack(batch)
	}
	if more {
		return AtOnce
	}
	return Idle
}

// take removes the proposals that go into the next entry.
func (p *packer) take() (batch []proposal, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ready() {
		return nil, false
	}
	p.inFlight++
	return p.lanes.take(), p.ready()
}

// ErrUnreadable is reported of an entry that was packed and cannot be decoded. It is
// refused before it is committed: no node could read it.
var ErrUnreadable = errors.New("an entry that this node packed cannot be read")

// pack stamps a batch, encodes it and proposes it.
func (p *packer) pack(batch []proposal) {
	t := p.t
	version := p.version.Load()
	commands := make([][]byte, len(batch))
	for i := range batch {
		if err := batch[i].encode(version); err != nil {
			p.settle(batch, nil, timing{}, err)
			return
		}
		commands[i] = batch[i].encoded
	}
	now := t.host.Now()
	stamp := t.state.clock.cluster(now)
	data := fsm.Pack(version, t.number, stamp, t.host.Wall(), commands)
	if _, err := fsm.DecodeEntry(data); err != nil {
		t.host.Report(fmt.Errorf("%w: %w", ErrUnreadable, err))
		p.settle(batch, nil, timing{}, fmt.Errorf("%w: the command cannot be packed: %w", fsm.ErrNotReady, err))
		return
	}
	at := timing{packed: now, stamped: t.state.clock.local(stamp)}
	t.host.Propose(data, func(out *fsm.Applied, err error) { p.settle(batch, out, at, err) })
}

// settle answers the proposals of an entry whose outcome is known, after it has let the
// next entry be packed.
func (p *packer) settle(batch []proposal, out *fsm.Applied, at timing, err error) {
	p.mu.Lock()
	p.inFlight--
	ready, last := p.ready(), p.closed && p.inFlight == 0
	p.mu.Unlock()
	if ready {
		p.t.host.Wake(Pack)
	}
	answer(batch, out, at, err)
	if last {
		p.t.waiters.close()
	}
}

func answer(batch []proposal, out *fsm.Applied, at timing, err error) {
	for i, b := range batch {
		if err != nil {
			b.respond(fsm.Result{}, timing{}, err)
			continue
		}
		at.arrival = b.arrival
		b.respond(out.Results[i], at, nil)
	}
}

// close refuses the proposals that wait, and reports whether no entry is on its way.
func (p *packer) close() (idle bool) {
	p.mu.Lock()
	p.closed = true
	waiting := p.lanes.drain()
	idle = p.inFlight == 0
	p.mu.Unlock()
	answer(waiting, nil, timing{}, fsm.ErrNoLeader)
	return idle
}

func (p *packer) pending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inFlight + p.lanes.waiting()
}
