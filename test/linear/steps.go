package linear

import (
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/lockd/lockd/internal/fsm"
)

// stepper makes a name's operations into steps of the model. What was left open
// is settled by events: it took effect by the time it was seen, or never.
type stepper struct {
	lease *lease
	rho   float64
	late  time.Duration
	terms []TermChange

	steps   []*step
	clients map[string]int
}

// checkModel looks for an order of each name's answers that a lock can give.
func (r *Report) checkModel(o Options) {
	deadline := time.Now().Add(o.Timeout)
	for _, n := range r.facts.inOrder() {
		if n.limit > maxModelled {
			continue
		}
		left := time.Until(deadline)
		switch {
		case left <= 0:
			r.Undecided = append(r.Undecided, n.name+": no time was left to search for a linearization")
			continue
		case !r.facts.covered && slices.ContainsFunc(n.ops, (*Op).open):
			r.Undecided = append(r.Undecided, n.name+": no stream tells what became of what was left open")
			continue
		}
		switch porcupine.CheckOperationsTimeout(lockModel(n.limit), r.operations(n, o), left) {
		case porcupine.Illegal:
			r.fail(ByModel, n.name, "no order of what was answered is possible")
		case porcupine.Unknown:
			r.Undecided = append(r.Undecided, n.name+": no linearization was found in time")
		}
	}
}

// operations returns a name's history as porcupine takes it.
func (r *Report) operations(n *lease, o Options) []porcupine.Operation {
	s := &stepper{
		lease: n, rho: r.history.Rho, late: o.Late, terms: byBeginning(r.history.Terms),
		clients: make(map[string]int),
	}
	for _, op := range n.ops {
		s.add(op)
	}
	s.settle()
	s.sequence()
	all := make([]porcupine.Operation, len(s.steps))
	for i, in := range s.steps {
		all[i] = porcupine.Operation{
			ClientId: s.client(in.op), Input: in, Call: int64(in.call), Return: int64(in.back),
		}
	}
	return all
}

func (s *stepper) client(op *Op) int {
	id, ok := s.clients[op.Client]
	if !ok {
		id = len(s.clients)
		s.clients[op.Client] = id
	}
	return id
}

func (s *stepper) add(op *Op) {
	in := &step{op: op, call: op.Sent, back: op.Back, token: op.Got, latest: forEver, grace: atLeast(millis(op.Grace), s.rho)}
	s.narrow(in)
	if op.Result != Done && op.Result != Refused {
		return
	}
	s.steps = append(s.steps, in)
	switch {
	case op.Kind == Acquire && op.Result == Done:
		in.promise, in.latest = promised(op, s.rho), s.latest(op, millis(op.TTL))
	case op.Kind == Renew && op.Result == Done:
		in.promise, in.latest = promised(op, s.rho), s.latest(op, s.ttl(op))
	case op.Kind == Break && op.Grace != fsm.InheritGrace:
		in.latest = s.latest(op, millis(op.Grace))
	}
}

// narrow takes off the time in which a step surely did not take effect: while its
// wait lasted, and after its grant was seen. It spares the search long ways.
func (s *stepper) narrow(in *step) {
	op := in.op
	if op.Kind == Acquire && op.Result == Refused && op.Queued && !op.Stray {
		in.call = min(op.Back, op.Last+atLeast(millis(op.Wait), s.rho))
	}
	if h := s.lease.byToken[op.Got]; op.Kind == Acquire && op.Result == Done && h != nil && h.seen >= in.call && op.Created {
		in.back = min(in.back, h.seen)
	}
}

func (s *stepper) ttl(renew *Op) time.Duration {
	if t := s.told(renew); t != nil {
		return t.ttl
	}
	return forEver
}

func (s *stepper) told(op *Op) *told {
	if of := s.lease.sessions[op.Holder]; of != nil {
		return of.told[op.Got]
	}
	return nil
}

// latest is when the hold that was granted or renewed must have ended.
func (s *stepper) latest(op *Op, ttl time.Duration) time.Duration {
	if t := s.told(op); s.late == 0 || ttl == forEver || t != nil && t.loose {
		return forEver
	}
	return latest(op.Back, atMost(ttl, s.rho), s.late, s.terms)
}

// sequence tells each grant which one it follows. Tokens grow, so that no other
// order is possible; to know it spares the search most of its wrong ways.
func (s *stepper) sequence() {
	var tokens []uint64
	for _, in := range s.steps {
		if in.op.Kind == Acquire && in.token != 0 {
			tokens = append(tokens, in.token)
		}
	}
	slices.Sort(tokens)
	for _, in := range s.steps {
		if i, _ := slices.BinarySearch(tokens, in.token); i > 0 {
			in.after = tokens[i-1]
		}
	}
}

// settle adds what nobody was told of and events show.
func (s *stepper) settle() {
	for i := range s.lease.events {
		e := &s.lease.events[i]
		var op *Op
		switch of := s.lease.sessions[e.Holder]; {
		case e.Type == broken:
			op = unsettled(s.lease.ops, e, Break)
		case of == nil:
		case e.Type == acquired && !of.toldOfGrant(e.Token):
			op = unsettled(of.acquires, e, Acquire)
		case e.Type == released && of.told[e.Token] != nil:
			op = unsettled(of.releases, e, Release)
		}
		if op == nil {
			continue
		}
		in := &step{
			op: op, call: op.Sent, back: e.Seen, token: e.Token, latest: forEver, grace: atLeast(millis(op.Grace), s.rho), taken: true,
		}
		if h := s.lease.byToken[e.Token]; h != nil {
			in.latest = h.endedSeen
			if h.how == expired {
				s.outlasts(in)
			}
		}
		s.steps = append(s.steps, in)
	}
}

// outlasts notes how long a hold lasted that nobody was told of and nobody ended. A
// long one goes by the stamp of the entry that granted it, which was packed some
// time before that took effect, but not before the acquire was sent.
func (s *stepper) outlasts(in *step) {
	ttl := atLeast(millis(in.op.TTL), s.rho)
	if in.op.TTL > fsm.ShortTTL {
		in.promise = in.call + ttl
	} else {
		in.lasts = ttl
	}
}

// toldOfGrant reports whether the session was told that this acquire made the
// hold. One that finds it made may be of a ticket that stood in the queue before.
func (s *session) toldOfGrant(token uint64) bool {
	return slices.ContainsFunc(s.acquires, func(op *Op) bool {
		return op.Result == Done && op.Got == token && op.Created
	})
}

// unsettled returns the first of some operations that may have made an event and
// was not told so; nil where another one was. A break that a node sent twice is
// refused where its first took effect and the lease has gone on since.
func unsettled(ops []*Op, e *Event, kind Kind) *Op {
	about := func(op *Op) bool {
		return op.Kind == kind && op.Sent <= e.Seen && (kind == Acquire || op.Token == 0 || op.Token == e.Token)
	}
	if kind != Acquire && slices.ContainsFunc(ops, func(op *Op) bool { return about(op) && op.Result == Done }) {
		return nil
	}
	i := slices.IndexFunc(ops, func(op *Op) bool { return about(op) && (op.open() || kind == Break && op.Result == Refused) })
	if i < 0 {
		return nil
	}
	return ops[i]
}
