package lockd

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

// routed is a route with a clock of its own.
type routed struct {
	*route
	now instant
}

func newRouted(addresses int) *routed {
	return &routed{newRoute(addresses), instant{at: time.Unix(0, 0)}}
}

// answers records a response of a node that knows a leader.
func (r *routed) answers(i int, node, leader string) {
	r.responded(i, http.Header{"Lockd-Node": {node}, "Lockd-Leader": {leader}})
	r.succeeded(i)
}

func (r *routed) want(t *testing.T, why string, forwarded bool, order ...int) {
	t.Helper()
	if got := r.order(forwarded, r.now); !slices.Equal(got, order) {
		t.Errorf("%s: order %v, want %v", why, got, order)
	}
}

func TestCallsStartAtTheLeaderOnceItsAddressIsKnown(t *testing.T) {
	r := newRouted(3)
	r.want(t, "nothing is known", true, 0, 1, 2)
	r.answers(0, "a", "c")
	r.want(t, "an address is not known", true, 1, 0, 2)
	r.answers(1, "b", "c")
	r.want(t, "the other is not known", true, 2, 1, 0)
	r.answers(2, "c", "c")
	r.want(t, "the leader is known", true, 2, 1, 0)
	r.want(t, "any node can answer", false, 1, 2, 0)
	r.answers(2, "c", "a")
	r.want(t, "the leader has changed", true, 0, 2, 1)
}

func TestAFailedLeaderIsAvoidedForSomeTime(t *testing.T) {
	r := newRouted(2)
	r.answers(0, "a", "b")
	r.answers(1, "b", "b")
	r.notResponded(1, r.now)
	r.answers(0, "a", "b") // this node has not noticed yet
	r.want(t, "the leader has just failed", true, 0, 1)
	r.now.at = r.now.at.Add(avoidFailed)
	r.want(t, "some time later", true, 1, 0)
	r.notResponded(1, r.now)
	r.answers(1, "b", "b")
	r.want(t, "it responds again", true, 1, 0)
}

func TestWithoutALeaderTheLastAddressIsFirst(t *testing.T) {
	r := newRouted(3)
	r.answers(1, "b", "c")
	r.answers(1, "b", "")
	r.want(t, "no leader", true, 1, 2, 0)
	r.responded(1, http.Header{}) // a proxy
	r.succeeded(1)
	r.want(t, "no headers", true, 1, 2, 0)
}

// TestALeaderThatIsNotConfiguredIsNotAnAddress: the client sends requests only to its own addresses.
func TestALeaderThatIsNotConfiguredIsNotAnAddress(t *testing.T) {
	r := newRouted(2)
	r.answers(0, "a", "evil.example:80")
	r.answers(1, "b", "evil.example:80")
	r.want(t, "all addresses are known", true, 1, 0)
}
