package cluster

import (
	"errors"
	"testing"

	"github.com/lockd/lockd/internal/fsm"
)

type waited struct {
	reply fsm.Reply
	err   error
}

// wait sends an acquire of a held lease that waits, and the channel of its answer.
func wait(n *testNode) <-chan waited {
	c := acquire("l", second)
	c.Attach, c.Wait = n.attempts(1), 60_000
	answer := make(chan waited, 1)
	n.term.Load().submit(c, n.now(), func(r fsm.Reply, err error) { answer <- waited{r, err} })
	return answer
}

// A session has one wait on a name. The one that a later one replaces may not be told
// that nothing comes of it: the session keeps its place, and may be granted the lease.
func TestAWaitThatIsReplacedIsToldItsPlace(t *testing.T) {
	n := leaderAmong(t, startNodes(t, 1)...)
	if _, err := do(t, n, acquire("l", first), patience); err != nil {
		t.Fatal(err)
	}
	older := wait(n)
	eventually(t, "it waits", func() (waits bool) {
		term := n.term.Load()
		term.waitsMu.Lock()
		defer term.waitsMu.Unlock()
		for _, w := range term.waits.Drain() {
			waits = w.Queued()
			term.waits.Add(w)
		}
		return waits
	})
	newer := wait(n)
	got := <-older
	if got.err != nil || got.reply.Code != fsm.CodeSessionInUse {
		t.Fatalf("the older one: %v, %v", got.reply.Code, got.err)
	}
	if r := got.reply; !r.Queued || r.Position != 1 || r.TicketIn <= 0 {
		t.Errorf("it is told queued %v, position %d, for %d ms", r.Queued, r.Position, r.TicketIn)
	}
	if _, err := do(t, n, &fsm.Release{Name: "l", Session: first}, patience); err != nil {
		t.Fatal(err)
	}
	// Granted, or, where the release overtook it, told that it holds already.
	if got := <-newer; got.err != nil || !got.reply.Code.OK() || got.reply.Hold == nil {
		t.Errorf("the newer one: %v, %v", got.reply.Code, got.err)
	}
}

// As long as the acquire of the older one is on its way, it may yet be applied.
func TestAWaitThatIsReplacedBeforeItIsAppliedIsUnknown(t *testing.T) {
	n := leaderAmong(t, startNodes(t, 1)...)
	if _, err := do(t, n, acquire("l", first), patience); err != nil {
		t.Fatal(err)
	}
	n.replica.mu.Lock() // nothing is applied meanwhile
	older := wait(n)
	wait(n)
	got := <-older
	n.replica.mu.Unlock()
	if !errors.Is(got.err, fsm.ErrUnknown) {
		t.Errorf("the older one: %v, %v", got.reply.Code, got.err)
	}
}
