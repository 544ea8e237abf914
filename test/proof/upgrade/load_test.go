package upgrade

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/nodes"
)

// load is holders that renew, workers that wait in a queue and a watcher, while nodes are restarted. It records
// violations.
type load struct {
	t     *testing.T
	among []*nodes.Node
	all   sync.WaitGroup
	done  chan struct{}
	once  sync.Once

	mu       sync.Mutex
	wrong    []string
	granted  map[int64]string // token to the session that it was granted to
	queued   []int64          // tokens of the queue, in the order of the responses
	watched  []int64          // tokens of the queue, in the order of the watch
	renewals int
	slowest  time.Duration // longest time that a renewal took, with its retries
}

const (
	shortHolders = 24
	longHolders  = 8
	workers      = 3
	queue        = "upgrade:queue"
)

func startLoad(t *testing.T, among ...*nodes.Node) *load {
	l := &load{t: t, among: among, done: make(chan struct{}), granted: make(map[int64]string)}
	after := among[0].Get("/v1/cluster").Number("revision")
	for i := range shortHolders {
		l.all.Go(func() { l.hold(fmt.Sprintf("short:%d", i), 4_000) })
	}
	for i := range longHolders {
		l.all.Go(func() { l.hold(fmt.Sprintf("long:%d", i), 90_000) })
	}
	for i := range workers {
		l.all.Go(func() { l.work(i) })
	}
	l.all.Go(func() { l.watch(after) })
	t.Cleanup(l.stop)
	nodes.Eventually(t, "the load runs", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.wrong) > 0 {
			t.Fatal(l.wrong)
		}
		return l.renewals > shortHolders && len(l.granted) > shortHolders+longHolders+2*workers
	})
	return l
}

func (l *load) any() *nodes.Node { return l.among[rand.IntN(len(l.among))] }

func (l *load) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

func (l *load) over() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// pause waits for a while, or until the load ends.
func (l *load) pause(d time.Duration) {
	select {
	case <-l.done:
	case <-time.After(d):
	}
}

// grantOf records a grant and checks that its token was not granted before.
func (l *load) grantOf(token int64, to string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before, twice := l.granted[token]; twice && before != to {
		l.wrong = append(l.wrong, fmt.Sprintf("token %d was granted to %s and to %s", token, before, to))
	}
	l.granted[token] = to
}

// hold acquires a name and renews it as a client does: at any node, with retries until its own deadline. Every
// renewal must succeed.
func (l *load) hold(name string, ttl int64) {
	session := fmt.Sprintf("session-%s-%08d", strings.ReplaceAll(name, ":", "-"), rand.IntN(1e8))
	at := "/v1/leases/upgrade:" + name
	ask := func(path string, body nodes.In, deadline time.Time) (nodes.Answer, bool) {
		for {
			a := l.any().DoWithin(time.Second, http.MethodPost, at+path, body)
			switch {
			case a.Err == nil && a.Status < 300:
				return a, true
			case a.Err == nil && a.Status == http.StatusConflict:
				l.fail("%s of %s: %s", path, name, a.Raw)
				return a, false
			case time.Now().After(deadline):
				l.fail("%s of %s got no response in time: %d %s %v", path, name, a.Status, a.Raw, a.Err)
				return a, false
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	a, ok := ask("/acquire", nodes.In{"holder": "h", "session": session, "ttl_ms": ttl}, time.Now().Add(nodes.Patience))
	if !ok {
		return
	}
	token := a.Number("token")
	l.grantOf(token, session)
	deadline := time.Now().Add(time.Duration(ttl) * time.Millisecond * 9 / 10)
	for !l.over() {
		l.pause(min(time.Duration(ttl)*time.Millisecond/8, 2*time.Second))
		sent := time.Now()
		a, ok := ask("/renew", nodes.In{"session": session, "token": token}, deadline)
		if !ok {
			return
		}
		if a.Number("token") != token {
			l.fail("%s: token %d became %d", name, token, a.Number("token"))
		}
		deadline = sent.Add(time.Duration(a.Number("waited_ms")+a.Number("expires_in_ms")) * time.Millisecond)
		l.mu.Lock()
		l.renewals++
		l.slowest = max(l.slowest, time.Since(sent))
		l.mu.Unlock()
	}
}

// work repeatedly waits in one queue, holds the lease for a moment and releases it. Every wait must end with a grant.
func (l *load) work(i int) {
	for round := 0; !l.over(); round++ {
		session := fmt.Sprintf("worker-%d-round-%08d", i, round)
		token := int64(0)
		for deadline := time.Now().Add(nodes.Patience); token == 0; {
			a := l.any().DoWithin(12*time.Second, http.MethodPost, "/v1/leases/"+queue+"/acquire",
				nodes.In{"holder": fmt.Sprint("w", i), "session": session, "ttl_ms": 10_000, "wait_ms": 8_000})
			if a.Err == nil && a.Status < 300 {
				token = a.Number("token")
			} else if time.Now().After(deadline) {
				l.fail("worker %d was not granted: %d %s %v", i, a.Status, a.Raw, a.Err)
				return
			}
		}
		l.grantOf(token, session)
		l.mu.Lock()
		if n := len(l.queued); n > 0 && token <= l.queued[n-1] {
			l.wrong = append(l.wrong, fmt.Sprintf("token %d after %d", token, l.queued[n-1]))
		}
		l.queued = append(l.queued, token)
		l.mu.Unlock()
		l.pause(20 * time.Millisecond)
		for deadline := time.Now().Add(9 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			a := l.any().DoWithin(time.Second, http.MethodPost, "/v1/leases/"+queue+"/release", nodes.In{"session": session, "token": token})
			if a.Err == nil && a.Status < 300 {
				break
			}
			if time.Now().After(deadline) {
				l.fail("worker %d cannot release: %d %s %v", i, a.Status, a.Raw, a.Err)
				return
			}
		}
	}
}

// watch watches the queue at one node after the other, and resumes after the last event.
func (l *load) watch(after int64) {
	newest := after
	for idle := 0; idle < 2; {
		a := l.any().DoWithin(2*time.Second, http.MethodGet, fmt.Sprintf("/v1/watch?name=%s&after=%d&wait_ms=300", queue, after), nil)
		if a.Err != nil || a.Status >= 500 || a.Status == 0 {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		var page struct {
			Events []struct {
				Revision, Token int64
				Type            string
			}
			Revision int64
		}
		if err := json.Unmarshal([]byte(a.Raw), &page); a.Status != http.StatusOK || err != nil {
			l.fail("the watch failed: %d %s", a.Status, a.Raw)
			return
		}
		for _, e := range page.Events {
			if e.Revision <= newest {
				l.fail("the watch delivered %d after %d", e.Revision, newest)
			}
			newest = max(newest, e.Revision)
			if e.Type == "acquired" {
				l.mu.Lock()
				l.watched = append(l.watched, e.Token)
				l.mu.Unlock()
			}
		}
		after = max(after, page.Revision)
		if idle++; !l.over() || len(page.Events) > 0 {
			idle = 0
		}
	}
}

// stop stops the load. It can be called more than once.
func (l *load) stop() {
	l.once.Do(func() { close(l.done) })
	l.all.Wait()
}

// finish stops the load and reports the violations.
func (l *load) finish() {
	l.t.Helper()
	l.stop()
	for i, w := range l.wrong {
		if i == 10 {
			l.t.Errorf("and %d more", len(l.wrong)-i)
			break
		}
		l.t.Error(w)
	}
	if len(l.watched) != len(l.queued) {
		l.t.Errorf("%d grants, and the watch delivered %d", len(l.queued), len(l.watched))
	}
	for i := range min(len(l.watched), len(l.queued)) {
		if l.watched[i] != l.queued[i] {
			l.t.Fatalf("grant %d of the queue has token %d, and the watch delivered %d", i, l.queued[i], l.watched[i])
		}
	}
	l.t.Logf("%d renewals, the slowest took %v; %d grants in the queue",
		l.renewals, l.slowest.Round(time.Millisecond), len(l.queued))
}
