package leader

import (
	"testing"
	"time"

	"github.com/lockd/lockd/internal/fsm"
)

// reads sends reads at once, and returns a function that counts their answers.
func (h *testHost) reads(count int) (answered func() int) {
	answers := 0
	for range count {
		h.term.Query(fsm.Query{Kind: fsm.QueryLease, Name: "l"}, func(fsm.Answer, error) { answers++ })
	}
	return func() int { return answers }
}

// A round of the test host takes a millisecond.
const roundTime = time.Millisecond

func TestCallerAloneDoesNotWaitForARound(t *testing.T) {
	h := newTestHost(t)
	for range 10 {
		answered := h.reads(1)
		if h.run(roundTime); answered() != 1 {
			t.Fatal("a caller alone waited for its round")
		}
	}
}

func TestRoundWaitsForMostCallersThatWereOpenAtOnce(t *testing.T) {
	h := newTestHost(t)
	h.reads(9)
	h.run(roundTime)
	rounds := h.rounds.Sent()
	answered := h.reads(5)
	if h.run(roundPause - roundTime - 1); h.rounds.Sent() != rounds {
		t.Error("a round began for 5 of 9 callers")
	}
	h.reads(1)
	if h.run(roundTime); h.rounds.Sent() != rounds+1 || answered() != 5 {
		t.Errorf("%d rounds for 6 of 9 callers, %d answers", h.rounds.Sent()-rounds, answered())
	}
}

func TestRoundWaitsNoLongerThanItsPause(t *testing.T) {
	h := newTestHost(t)
	h.reads(9)
	h.run(roundTime)
	answered := h.reads(1)
	if h.run(roundPause); answered() != 1 {
		t.Error("a caller waited for callers that have gone")
	}
	h.run(time.Second)
	answered = h.reads(1)
	if h.run(roundTime); answered() != 1 {
		t.Error("a caller waited although the last round began long ago")
	}
}

// A caller that remains alone does not wait after some rounds.
func TestRoundsForgetCallersThatHaveGone(t *testing.T) {
	h := newTestHost(t)
	h.reads(9)
	h.run(roundTime)
	for range 3 * openFalls {
		h.reads(1)
		h.run(roundPause)
	}
	for range 3 {
		answered := h.reads(1)
		if h.run(roundTime); answered() != 1 {
			t.Fatal("a caller waits for others that have gone")
		}
	}
}
