package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/leader"
)

// A proposal is a command on its way into the log.
type proposal struct {
	command fsm.Command
	encoded []byte
	version uint64 // that encoded is in
	arrival time.Duration
	respond func(fsm.Result, leader.Timing, error)
}

// encode makes sure that a proposal is encoded in a version: what has waited
// while that grew is encoded anew.
func (b *proposal) encode(version uint64) (err error) {
	if b.encoded == nil || b.version != version {
		b.encoded, err = fsm.EncodeCommand(b.command, version)
		b.version = version
	}
	return err
}

const (
	// maxInFlight entries are on their way at once: one is being written while
	// the next one gathers.
	maxInFlight = 2
	// enqueueTimeout bounds how long Raft may take to accept an entry.
	enqueueTimeout = time.Second
)

// packer gathers the proposals of one term and packs what waits into one entry:
// whatever arrived while the last entries were in flight, without a delay of
// its own. It is emptied when its term ends, so that nothing a leader decided
// slips into a later term.
type packer struct {
	t *term

	// mu guards the rest.
	mu     sync.Mutex
	lanes  *leader.Lanes[proposal]
	closed bool
	more   chan struct{} // holds a token while something waits
}

func newPacker(t *term) *packer {
	return &packer{t: t, lanes: leader.NewLanes[proposal](), more: make(chan struct{}, 1)}
}

// propose queues commands, all at once, so that as many as fit go into one entry.
// Respond is called exactly once for each, from any goroutine: with
// fsm.ErrOverloaded, ErrNoLeader or ErrNotYet where it was surely not applied.
func (p *packer) propose(all ...proposal) {
	version := p.t.version.Load()
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
	p.mu.Unlock()
	for i, err := range refused {
		if err != nil {
			all[i].respond(fsm.Result{}, leader.Timing{}, err)
		}
	}
}

// enqueue lets a command wait for its entry. The caller holds mu.
func (p *packer) enqueue(b proposal) error {
	if p.closed {
		return fsm.ErrNoLeader
	}
	if !p.lanes.Add(b.command, len(b.encoded), b) {
		return fsm.ErrOverloaded
	}
	p.wake()
	return nil
}

// wake lets run take a batch. The caller holds mu.
func (p *packer) wake() {
	select {
	case p.more <- struct{}{}:
	default:
	}
}

// take removes what goes into the next entry.
func (p *packer) take() []proposal {
	p.mu.Lock()
	defer p.mu.Unlock()
	batch := p.lanes.Take()
	if p.lanes.Waiting() > 0 {
		p.wake()
	}
	return batch
}

// run packs until the term ends, then refuses what still waits.
func (p *packer) run(ctx context.Context) error {
	var inFlight sync.WaitGroup
	slots := make(chan struct{}, maxInFlight)
	defer inFlight.Wait()
	defer p.close()
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-p.more:
		case <-ctx.Done():
			return ctx.Err()
		}
		batch := p.take()
		if len(batch) == 0 {
			<-slots
			continue
		}
		future, at, err := p.pack(batch)
		if err != nil {
			p.answer(batch, nil, at, err)
			<-slots
			continue
		}
		inFlight.Go(func() {
			out, err := p.await(ctx, future)
			<-slots
			p.answer(batch, out, at, err)
		})
	}
}

func (p *packer) close() {
	p.mu.Lock()
	p.closed = true
	waiting := p.lanes.Drain()
	p.mu.Unlock()
	p.answer(waiting, nil, leader.Timing{}, fsm.ErrNoLeader)
}

// pack stamps a batch, encodes it and hands it to Raft.
func (p *packer) pack(batch []proposal) (raft.ApplyFuture, leader.Timing, error) {
	t := p.t
	version := t.version.Load()
	commands := make([][]byte, len(batch))
	for i := range batch {
		if err := batch[i].encode(version); err != nil {
			return nil, leader.Timing{}, err
		}
		commands[i] = batch[i].encoded
	}
	now := t.n.now()
	stamp := t.state.Clock.Cluster(now)
	data := fsm.Pack(version, t.number, stamp, time.Now().UnixMilli(), commands)
	if _, err := fsm.DecodeEntry(data); err != nil {
		// Better refused here than committed and unreadable on every node.
		t.n.log.Error("an entry that this node packed cannot be read", "err", err)
		return nil, leader.Timing{}, fmt.Errorf("%w: the command cannot be packed: %w", fsm.ErrNotReady, err)
	}
	return t.n.raft.Apply(data, enqueueTimeout), leader.Timing{Packed: now, Stamped: t.state.Clock.Local(stamp)}, nil
}

// await waits for an entry's outcome, or, a moment after the term has ended,
// gives up on knowing it.
func (p *packer) await(ctx context.Context, future raft.ApplyFuture) (*applied, error) {
	done := make(chan error, 1)
	go func() { done <- future.Error() }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done:
		case <-time.After(lastAnswers):
			return nil, fsm.ErrUnknown
		}
	}
	if err != nil {
		return nil, outcome(err)
	}
	switch r := future.Response().(type) {
	case *applied:
		return r, nil
	case error:
		if errors.Is(r, errOtherTerm) {
			return nil, fsm.ErrNoLeader
		}
	}
	return nil, fsm.ErrUnknown
}

// lastAnswers is how long a term that ended waits for the outcome of entries
// that are on their way.
const lastAnswers = 250 * time.Millisecond

// outcome sorts Raft's errors. Only these are said before an entry is appended;
// everything else leaves the outcome open.
func outcome(err error) error {
	for _, before := range []error{
		raft.ErrNotLeader, raft.ErrEnqueueTimeout, raft.ErrLeadershipTransferInProgress,
	} {
		if errors.Is(err, before) {
			return fmt.Errorf("%w (%w)", fsm.ErrNoLeader, err)
		}
	}
	return fmt.Errorf("%w (%w)", fsm.ErrUnknown, err)
}

func (p *packer) answer(batch []proposal, out *applied, at leader.Timing, err error) {
	for i, b := range batch {
		if err != nil {
			b.respond(fsm.Result{}, leader.Timing{}, err)
			continue
		}
		at.Arrival = b.arrival
		b.respond(out.Results[i], at, nil)
	}
}
