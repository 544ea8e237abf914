package linear_test

import (
	"testing"
	"time"

	"github.com/lockd/lockd/test/history/linear"
)

const second = time.Second

// one is an operation on the only name, with a response to its only attempt.
func one(kind linear.Kind, holder string, sent, back time.Duration, more func(*linear.Op)) linear.Op {
	op := linear.Op{
		Client: holder, Kind: kind, Name: "lock", Session: "session-of-" + holder, Holder: holder, Limit: 1, TTL: 10_000,
		Sent: sent, Last: sent, Back: back, Sendings: 1, Result: linear.Done,
	}
	more(&op)
	return op
}

func granted(token uint64) func(*linear.Op) {
	return func(op *linear.Op) { op.Got, op.Revision, op.Created, op.ExpiresIn = token, token, true, 9_990 }
}

func refused(by linear.Holder, revision uint64) func(*linear.Op) {
	return func(op *linear.Op) {
		op.Result, op.Code, op.Holders, op.Revision = linear.Refused, "held", []linear.Holder{by}, revision
	}
}

// passesOn is a history in which the lease passes from a to b at a moment.
func passesOn(at time.Duration, ops ...linear.Op) linear.History {
	return linear.History{Ops: ops, Events: []linear.Stream{{Node: "n", To: 4, Events: []linear.Event{
		{Revision: 2, Type: "acquired", Name: "lock", Holder: "a", Token: 2, Seen: second + 1},
		{Revision: 3, Type: "released", Name: "lock", Holder: "a", Token: 2, Seen: at},
		{Revision: 4, Type: "acquired", Name: "lock", Holder: "b", Token: 4, Cause: "released", Seen: at},
	}}}}
}

// A ticket remains for a while after its wait. If it is granted then, the next acquire of the session returns a hold
// that others saw before that acquire was sent.
func TestTicketIsGrantedBetweenTwoAcquires(t *testing.T) {
	a, b := linear.Holder{Holder: "a", Token: 2}, linear.Holder{Holder: "b", Token: 4}
	h := passesOn(4*second,
		one(linear.Acquire, "a", second, second+2, granted(2)),
		one(linear.Acquire, "b", 2*second, 3*second+2, func(op *linear.Op) {
			refused(a, 2)(op)
			op.Wait, op.Queued = 1_000, true
		}),
		one(linear.Release, "a", 4*second-1, 4*second+1, func(op *linear.Op) { op.Token, op.WasHeld, op.Revision = 2, true, 3 }),
		one(linear.Read, "c", 5*second, 5*second+2, func(op *linear.Op) {
			op.Session, op.Holders, op.Revision = "", []linear.Holder{b}, 4
		}),
		one(linear.Acquire, "b", 6*second, 6*second+2, func(op *linear.Op) {
			granted(4)(op)
			op.Created = false
		}))
	if err := linear.Check(&h, linear.Options{}).Err(); err != nil {
		t.Error(err)
	}
}

// A wait is measured on a leader's clock and may end early on the clock of the test.
func TestWaitMayEndEarlyByTheClockDifference(t *testing.T) {
	a := linear.Holder{Holder: "a", Token: 2}
	handed := 3*second - 500*time.Microsecond
	h := passesOn(handed,
		one(linear.Acquire, "a", second, second+2, granted(2)),
		one(linear.Release, "a", handed-1, handed+1, func(op *linear.Op) { op.Token, op.WasHeld, op.Revision = 2, true, 3 }),
		one(linear.Acquire, "b", 2*second+10, 3*second+10, func(op *linear.Op) {
			refused(a, 2)(op)
			op.Wait, op.Queued = 1_000, true
		}),
		one(linear.Acquire, "b", 4*second, 4*second+2, func(op *linear.Op) {
			granted(4)(op)
			op.Created = false
		}))
	if r := linear.Check(&h, linear.Options{}); len(r.Disagree) != 1 {
		t.Errorf("the wait ended too early on one clock, and the model did not detect it: %s", r)
	}
	h.Rho = 0.001
	if err := linear.Check(&h, linear.Options{}).Err(); err != nil {
		t.Error(err)
	}
}
