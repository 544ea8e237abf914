package e2e

import (
	"flag"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/lockd/lockd/test/harness/nodes"
)

var pauses = flag.Int("pauses", 6, "number of times that the leader is stopped and continued")

// A stopped leader that continues finds responses to old heartbeats and new requests in its sockets. Meanwhile
// another leader has ended the hold and granted the lease to another session. The old leader must neither confirm a
// renewal of the old hold nor return it in a read.
func TestStoppedLeaderConfirmsNothing(t *testing.T) {
	c := nodes.StartThree(t)
	const callers = 16
	at := "/v1/leases/s"
	stale, requests := 0, 0
	for range *pauses {
		old := c.Leader()
		rest := c.Others(old)
		token := rest[0].Post(at+"/acquire", nodes.In{"holder": "a", "session": alice, "ttl_ms": 30_000}).Want(t, 201).Number("token")
		for range callers { // connections that stay open
			old.Post(at+"/renew", nodes.In{"session": alice, "token": token}).Want(t, 200)
		}
		// Renewals continue while the leader stops, so that responses of its peers are in flight.
		var busy sync.WaitGroup
		var stopped atomic.Bool
		for range callers {
			busy.Go(func() {
				for !stopped.Load() {
					old.Post(at+"/renew", nodes.In{"session": alice, "token": token})
				}
			})
		}
		old.Signal(syscall.SIGSTOP)
		stopped.Store(true)
		nodes.LeaderAmong(t, rest...)
		rest[0].Post(at+"/break", nodes.In{"token": token, "reason": "the leader is stopped", "grace_ms": 0}).Want(t, 202)
		next := rest[1].Post(at+"/acquire", nodes.In{"holder": "b", "session": bob}).Want(t, 201).Number("token")

		// These requests stay in its sockets until it continues.
		var answers sync.WaitGroup
		var mu sync.Mutex
		for i := range 2 * callers {
			answers.Go(func() {
				var a nodes.Answer
				if i%2 == 0 {
					a = old.Post(at+"/renew", nodes.In{"session": alice, "token": token})
				} else {
					a = old.Get(at)
				}
				mu.Lock()
				defer mu.Unlock()
				requests++
				if a.Status == http.StatusOK && (i%2 == 0 || a.Number("token") != next) {
					stale++
					t.Errorf("a stopped leader returned: %s", a.Raw)
				}
			})
		}
		old.Signal(syscall.SIGCONT)
		answers.Wait()
		busy.Wait()
		rest[0].Post(at+"/release", nodes.In{"session": bob, "token": next}).Want(t, 200)
		old.WaitReady()
	}
	t.Logf("%d pauses, %d requests to a leader that had been stopped, %d stale answers", *pauses, requests, stale)
}
