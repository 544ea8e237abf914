package linear

import (
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/lockd/lockd/internal/fsm"
)

// stepper converts the operations on a name to steps of the model. An event settles an unknown outcome: the operation
// took effect by the time the event was seen, or never.
type stepper struct {
	lease *lease
	rho   float64
	late  time.Duration
	terms []TermChange

	steps   []*step
	clients map[string]int
}

// checkModel searches a valid order of the responses for each name.
func (r *Report) checkModel(o Options) {
	deadline := time.Now().Add(o.Timeout)
	for _, n := range r.facts.inOrder() {
		if n.limit > maxModelled {
			continue
		}
		left := time.Until(deadline)
		switch {
		case left <= 0:
			r.Undecided = append(r.Undecided, n.name+": no time left to search for a linearization")
			continue
		case !r.facts.covered && slices.ContainsFunc(n.ops, (*Op).open):
			r.Undecided = append(r.Undecided, n.name+": no stream settles the unknown outcomes")
			continue
		}
		switch porcupine.CheckOperationsTimeout(lockModel(n.limit), r.operations(n, o), left) {
		case porcupine.Illegal:
			r.fail(ByModel, n.name, "no order of what was answered is possible")
		case porcupine.Unknown:
			r.Undecided = append(r.Undecided, n.name+": the search for a linearization timed out")
		}
	}
}

// operations returns the history of a name in the form of porcupine.
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
	in := &step{op: op, call: op.Sent, back: op.Back, token: op.Got, latest: noDeadline, grace: atLeast(millis(op.Grace), s.rho)}
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

// narrow removes the time in which a step certainly did not take effect: during its wait, and after its grant was
// seen. This shortens the search.
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
	if t := s.knowledge(renew); t != nil {
		return t.ttl
	}
	return noDeadline
}

func (s *stepper) knowledge(op *Op) *knowledge {
	if of := s.lease.sessions[op.Holder]; of != nil {
		return of.known[op.Got]
	}
	return nil
}

// latest returns when the hold that was granted or renewed has expired.
func (s *stepper) latest(op *Op, ttl time.Duration) time.Duration {
	if t := s.knowledge(op); s.late == 0 || ttl == noDeadline || t != nil && t.loose {
		return noDeadline
	}
	return latest(op.Back, atMost(ttl, s.rho), s.late, s.terms)
}

// sequence sets, for each grant, the token that precedes it. Tokens increase, so that no other order is possible.
// This shortens the search considerably.
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
