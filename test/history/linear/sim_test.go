package linear_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/test/history/linear"
)

// flaw is the probability of each error of a simulated server.
type flaw struct {
	doubleGrant   float64 // an acquire is granted although another session holds the lease
	staleRead     float64 // a read returns an old state
	earlyExpiry   float64 // a hold expires after half of its TTL
	lostRelease   float64 // a release gets a response and has no effect
	reviveBroken  float64 // a hold in its grace period is renewed
	repeatedToken float64 // a grant returns the token of the one before
	lateRevision  float64 // a refusal has a later revision
}

// plan is one simulated run.
type plan struct {
	seed           uint64
	clients, names int
	limit          int
	ops            int     // of each client
	unknown        float64 // probability that an attempt gets no response
	flaw           flaw
	streams        int
}

const ttl fsm.Millis = 1_000

// server is a lock server with one mutex: a state machine, its deadlines and its waits.
type server struct {
	plan  plan
	begun time.Time

	mu       sync.Mutex
	rng      *rand.Rand
	machine  *fsm.Machine
	deadline map[uint64]time.Time // of holds and tickets, by token or ID
	waits    map[string]chan *fsm.Grant
	attempts uint64
	streams  []linear.Stream
	old      map[string][]view // earlier results of reads
	ops      []linear.Op
}

type view struct {
	revision uint64
	holders  []linear.Holder
}

// simulate runs a plan on a simulated clock and returns what the clients recorded.
func simulate(t *testing.T, p plan) (h linear.History) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		s := &server{
			plan: p, begun: time.Now(), rng: rand.New(rand.NewPCG(p.seed, 0)), machine: fsm.New(),
			deadline: make(map[uint64]time.Time), waits: make(map[string]chan *fsm.Grant),
			streams: make([]linear.Stream, p.streams), old: make(map[string][]view),
		}
		var all sync.WaitGroup
		for i := range p.clients {
			all.Go(func() { newActor(s, i).act() })
		}
		all.Wait()
		time.Sleep(20 * time.Second) // every attempt has arrived and every hold has ended
		s.mu.Lock()
		defer s.mu.Unlock()
		for i := range s.streams {
			s.streams[i].To = s.machine.Revision()
		}
		h = linear.History{Ops: s.ops, Events: s.streams}
	})
	return h
}

func (s *server) now() time.Duration { return time.Since(s.begun) }

func (s *server) happens(share float64) bool { return share > 0 && s.rng.Float64() < share }

// apply applies a command, sends its events to the streams and sets the deadlines. The caller holds the mutex.
func (s *server) apply(c fsm.Command) fsm.Result {
	out := s.machine.Apply(1, &fsm.Entry{Term: 1, Stamp: fsm.Millis(s.now() / time.Millisecond), Commands: []fsm.Command{c}})
	for _, e := range out.Events {
		for i := range s.streams {
			s.streams[i].Events = append(s.streams[i].Events, linear.Event{
				Revision: e.Revision, Type: e.Type.String(), Name: e.Name, Holder: e.Holder, Token: e.Token,
				Cause: e.Cause.String(), Seen: s.now() + time.Duration(i)*time.Millisecond,
			})
		}
	}
	for _, t := range out.Timers {
		s.arm(t)
	}
	for _, g := range out.Grants {
		if w := s.waits[g.Hold.Session]; w != nil {
			w <- &g
			delete(s.waits, g.Hold.Session)
		}
	}
	return out.Results[0]
}

func (s *server) arm(t fsm.Timer) {
	switch {
	case t.Clear:
		delete(s.deadline, t.ID)
		return
	case t.Keep:
	case t.Kind == fsm.TimerHold && s.happens(s.plan.flaw.earlyExpiry):
		s.deadline[t.ID] = time.Now().Add(time.Duration(t.For) * time.Millisecond / 2)
	default:
		s.deadline[t.ID] = time.Now().Add(time.Duration(t.For) * time.Millisecond)
	}
	s.awaitEnd(t)
}

func (s *server) awaitEnd(t fsm.Timer) {
	late := time.Duration(s.rng.IntN(50)) * time.Millisecond
	time.AfterFunc(time.Until(s.deadline[t.ID])+late, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch end, ok := s.deadline[t.ID]; {
		case !ok:
		case time.Now().Before(end):
			s.awaitEnd(t)
		default:
			s.apply(t.Expire())
		}
	})
}

// acquire responds to an acquire, after its wait if it has one.
func (s *server) acquire(op *linear.Op) {
	s.mu.Lock()
	s.attempts++
	attach := fsm.AttemptID{Boot: 1, N: s.attempts}
	var wait chan *fsm.Grant
	if op.Wait > 0 {
		wait = make(chan *fsm.Grant, 1)
		s.waits[op.Session] = wait
	}
	arrived := time.Now()
	r := s.apply(&fsm.Acquire{
		Name: op.Name, Holder: op.Holder, Session: op.Session, TTL: op.TTL, Wait: op.Wait, Limit: op.Limit, AttemptID: attach,
	})
	if r.Code == fsm.CodeQueued {
		s.mu.Unlock()
		select {
		case g := <-wait:
			s.mu.Lock()
			defer s.mu.Unlock()
			s.grant(op, g.Hold, g.Revision, true, time.Since(arrived))
			return
		case <-time.After(time.Duration(op.Wait) * time.Millisecond):
			s.mu.Lock()
		}
		if s.waits[op.Session] == wait {
			delete(s.waits, op.Session)
		}
		r = s.apply(&fsm.EndWait{Name: op.Name, Session: op.Session, AttemptID: attach})
	}
	defer s.mu.Unlock()
	switch {
	case r.Code.OK():
		s.grant(op, r.Hold, r.Revision, r.Code == fsm.CodeGranted, time.Since(arrived))
	case r.Code == fsm.CodeHeld && op.Wait == 0 && s.happens(s.plan.flaw.doubleGrant):
		op.Result, op.Created, op.Got, op.Revision = linear.Done, true, r.Revision, r.Revision
		op.ExpiresIn = op.TTL
	default:
		s.refuse(op, r)
	}
}

func (s *server) grant(op *linear.Op, h *fsm.Hold, revision uint64, created bool, waited time.Duration) {
	op.Result, op.Created, op.Got, op.Revision = linear.Done, created, h.Token, revision
	op.Waited = fsm.Millis(waited / time.Millisecond)
	op.ExpiresIn = h.TTL - (h.TTL+999)/1000
	if before := s.machine.Lease(op.Name).History.Previous().Token; before != 0 && s.happens(s.plan.flaw.repeatedToken) {
		op.Got = before
	}
}

func (s *server) refuse(op *linear.Op, r fsm.Result) {
	op.Result, op.Code, op.Queued, op.Revision = linear.Refused, r.Code.String(), r.Queued, r.Revision
	if r.Lease != nil {
		op.Holders = holders(r.Lease)
	}
}

func holders(l *fsm.Lease) (all []linear.Holder) {
	for _, h := range l.Holds {
		all = append(all, linear.Holder{Holder: h.Holder, Token: h.Token})
	}
	return all
}

// answer runs an operation at this moment.
func (s *server) answer(op *linear.Op) {
	if op.Kind == linear.Acquire {
		s.acquire(op)
		s.date(op)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	op.Result, op.Revision = linear.Done, s.machine.Revision()
	switch op.Kind {
	case linear.Read:
		s.read(op)
	case linear.Renew:
		s.renew(op)
	case linear.Release:
		if s.happens(s.plan.flaw.lostRelease) {
			op.WasHeld = true
			return
		}
		r := s.apply(&fsm.Release{Name: op.Name, Session: op.Session, Token: op.Token})
		s.conclude(op, r)
		op.WasHeld = r.WasHeld
	case linear.Break:
		s.conclude(op, s.apply(&fsm.Break{Name: op.Name, Token: op.Token, Reason: "why not", Grace: op.Grace}))
	}
}

func (s *server) date(op *linear.Op) {
	if op.Result != linear.Refused || s.plan.flaw.lateRevision == 0 {
		return
	}
	time.Sleep(5 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.happens(s.plan.flaw.lateRevision) {
		op.Revision = s.machine.Revision()
	}
}

func (s *server) conclude(op *linear.Op, r fsm.Result) {
	op.Revision = r.Revision
	if !r.Code.OK() {
		s.refuse(op, r)
	}
}

func (s *server) read(op *linear.Op) {
	now := view{s.machine.Revision(), holders(s.machine.Lease(op.Name))}
	if old := s.old[op.Name]; len(old) > 40 && s.happens(s.plan.flaw.staleRead) {
		now = old[len(old)-40]
		now.revision = s.machine.Revision()
	}
	s.old[op.Name] = append(s.old[op.Name], now)
	op.Revision, op.Holders = now.revision, now.holders
}

func (s *server) renew(op *linear.Op) {
	h, code := fsm.FindHold(s.machine.Lease(op.Name), op.Session, op.Token)
	if code == fsm.CodeBroken && s.happens(s.plan.flaw.reviveBroken) {
		h, code = s.machine.Lease(op.Name).HoldBy(op.Token), fsm.CodeOK
	}
	if code != fsm.CodeOK || h == nil {
		s.refuse(op, fsm.Result{Code: code, Revision: s.machine.Revision(), Lease: s.machine.Lease(op.Name)})
		return
	}
	if h.Break == nil {
		s.deadline[h.Token] = time.Now().Add(time.Duration(h.TTL) * time.Millisecond)
	}
	op.Got, op.ExpiresIn = h.Token, h.TTL-(h.TTL+999)/1000
}

// actor is one client.
type actor struct {
	s    *server
	rng  *rand.Rand
	name string
	turn int
	left int
}

func newActor(s *server, i int) *actor {
	return &actor{s: s, rng: rand.New(rand.NewPCG(s.plan.seed, uint64(i)+1)), name: fmt.Sprintf("c%d", i), left: s.plan.ops}
}

func (a *actor) sleep(most time.Duration) { time.Sleep(time.Duration(a.rng.Int64N(int64(most)))) }

// send runs an operation whose attempts may be lost in either direction, or delayed.
func (a *actor) send(op linear.Op) linear.Op {
	a.left--
	op.Client, op.Sent, op.Sendings = a.name, a.s.now(), 1
	op.Last = op.Sent
	if a.rng.Float64() < a.s.plan.unknown && op.Kind != linear.Read {
		lost := op
		delay := time.Duration(a.rng.Int64N(int64(3 * time.Second)))
		if a.rng.IntN(3) > 0 {
			go func() { time.Sleep(delay); a.s.answer(&lost) }()
		}
		op.Stray = true
		a.sleep(time.Second)
		if a.rng.IntN(2) == 0 {
			op.Result, op.Back = linear.Unknown, a.s.now()
			a.record(op)
			return op
		}
		op.Last = a.s.now()
	}
	a.sleep(5 * time.Millisecond)
	a.s.answer(&op)
	a.sleep(5 * time.Millisecond)
	op.Back = a.s.now()
	a.record(op)
	return op
}

func (a *actor) record(op linear.Op) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	a.s.ops = append(a.s.ops, op)
}

func (a *actor) act() {
	for a.left > 0 {
		a.turn++
		name := fmt.Sprintf("lock.%d", a.rng.IntN(a.s.plan.names))
		switch n := a.rng.IntN(100); {
		case n < 30:
			read := a.send(linear.Op{Kind: linear.Read, Name: name})
			if n < 3 && a.s.plan.limit == 1 && len(read.Holders) > 0 {
				grace := []fsm.Millis{0, 300, fsm.InheritGrace}[a.rng.IntN(3)]
				a.send(linear.Op{Kind: linear.Break, Name: name, Token: read.Holders[0].Token, Grace: grace})
			}
		default:
			a.want(name)
		}
		a.sleep(50 * time.Millisecond)
	}
}

func (a *actor) want(name string) {
	op := linear.Op{
		Kind: linear.Acquire, Name: name, Limit: a.s.plan.limit, TTL: ttl,
		Session: fmt.Sprintf("session-%s-%d-of-it", a.name, a.turn), Holder: fmt.Sprintf("%s.%d", a.name, a.turn),
	}
	if a.rng.IntN(2) == 0 {
		op.Wait = fsm.Millis(1 + a.rng.IntN(1500))
	}
	got := a.send(op)
	if got.Result == linear.Refused && got.Queued && a.rng.IntN(2) == 0 {
		got = a.send(op)
	}
	if got.Result != linear.Done {
		return
	}
	keep := linear.Op{Kind: linear.Renew, Name: name, Session: op.Session, Holder: op.Holder, Token: got.Got}
	for range a.rng.IntN(4) {
		a.sleep(time.Second)
		if a.send(keep).Result != linear.Done {
			return
		}
	}
	if a.rng.IntN(4) > 0 {
		keep.Kind = linear.Release
		a.sleep(100 * time.Millisecond)
		a.send(keep)
	}
}
