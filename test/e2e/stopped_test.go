package e2e

import (
	"flag"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

var pauses = flag.Int("pauses", 6, "how often the leader is stopped and resumed")

// A leader that was stopped finds, when it goes on, answers to old heartbeats
// and new requests in its sockets. Meanwhile another one has ended the hold and
// granted the lease to somebody else. It must neither confirm a renewal of the
// old hold nor answer a read with it.
func TestAStoppedLeaderConfirmsNothing(t *testing.T) {
	c := startTrio(t)
	const callers = 16
	at := "/v1/leases/s"
	stale, asked := 0, 0
	for range *pauses {
		old := leader(t, c.nodes...)
		rest := c.others(old)
		token := rest[0].post(at+"/acquire", in{"holder": "a", "session": alice, "ttl_ms": 30_000}).want(t, 201).number("token")
		for range callers { // connections that stay open
			old.post(at+"/renew", in{"session": alice, "token": token}).want(t, 200)
		}
		// Renewals keep coming while it stops, so that answers of its peers are under way.
		var busy sync.WaitGroup
		var stopped atomic.Bool
		for range callers {
			busy.Go(func() {
				for !stopped.Load() {
					old.post(at+"/renew", in{"session": alice, "token": token})
				}
			})
		}
		old.signal(syscall.SIGSTOP)
		stopped.Store(true)
		leader(t, rest...)
		rest[0].post(at+"/break", in{"token": token, "reason": "the leader is stopped", "grace_ms": 0}).want(t, 202)
		next := rest[1].post(at+"/acquire", in{"holder": "b", "session": bob}).want(t, 201).number("token")

		// These wait in its sockets for it to go on.
		var answers sync.WaitGroup
		var mu sync.Mutex
		for i := range 2 * callers {
			answers.Go(func() {
				var a answer
				if i%2 == 0 {
					a = old.post(at+"/renew", in{"session": alice, "token": token})
				} else {
					a = old.get(at)
				}
				mu.Lock()
				defer mu.Unlock()
				asked++
				if a.status == http.StatusOK && (i%2 == 0 || a.number("token") != next) {
					stale++
					t.Errorf("a stopped leader answered: %s", a.raw)
				}
			})
		}
		old.signal(syscall.SIGCONT)
		answers.Wait()
		busy.Wait()
		rest[0].post(at+"/release", in{"session": bob, "token": next}).want(t, 200)
		old.waitReady()
	}
	t.Logf("%d pauses, %d requests to a leader that had been stopped, %d stale answers", *pauses, asked, stale)
}
