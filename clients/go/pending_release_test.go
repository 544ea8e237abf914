package lockd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// grantUnread grants an acquire without a response to the caller.
func grantUnread(table *lockTable) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/acquire") {
			table.ServeHTTP(discard{http.Header{}}, r)
			silence(w, r)
			return
		}
		table.ServeHTTP(w, r)
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// The grant and the cancellation happen at the same moment: the lease is not left held.
func TestAcquireCancelledAtTheGrantLeavesNothing(t *testing.T) {
	for what, acquire := range map[string]func(context.Context, *Client) error{
		"acquire": func(ctx context.Context, c *Client) error {
			_, err := c.Acquire(ctx, "job", AcquireOptions{Wait: Forever})
			return err
		},
		"lock": func(ctx context.Context, c *Client) error { return c.Mutex("job", AcquireOptions{}).Lock(ctx) },
		"try":  func(ctx context.Context, c *Client) error { return c.Mutex("job", AcquireOptions{}).TryLock(ctx) },
		"do":   func(ctx context.Context, c *Client) error { return c.Do(ctx, "job", AcquireOptions{}, nil) },
		"elect": func(ctx context.Context, c *Client) error {
			return c.Elect(ctx, "job", AcquireOptions{}, nil)
		},
		"reclaim": func(ctx context.Context, c *Client) error {
			_, err := c.Acquire(ctx, "job", AcquireOptions{Reclaim: true})
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			var table lockTable
			c := fake{"a": grantUnread(&table)}.client(t, "a")
			ctx, cancel := context.WithTimeout(background(), time.Second)
			defer cancel()
			err := acquire(ctx, c)
			if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(*UnknownError)) {
				t.Errorf("%s: got %v", what, err)
			}
			if table.holder() != "" {
				t.Errorf("%s: the lease is held after it", what)
			}
		})
	}
}

// No node responds when the call ends: the release continues in the background, and the next
// acquire waits for it.
func TestLeftoverOfAnAcquireIsReleasedInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		node := &gate{h: grantUnread(&table)}
		c := fake{"a": node.ServeHTTP}.client(t, "a")
		ctx, cancel := context.WithTimeout(background(), time.Second)
		defer cancel()
		time.AfterFunc(900*time.Millisecond, func() { node.set(silence) })
		start := time.Now()
		_, err := c.Acquire(ctx, "job", AcquireOptions{Wait: Forever})
		if !errors.As(err, new(*UnknownError)) || time.Since(start) > time.Second+abandonTimeout {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if table.holder() == "" {
			t.Fatal("the table has released it already")
		}
		node.set(table.ServeHTTP)
		l, err := c.Acquire(background(), "job", AcquireOptions{})
		if err != nil || l.Token != 2 {
			t.Errorf("the next acquire has the hold of the first: %+v, %v", l, err)
		}
	})
}

// Another node refuses after an attempt with unknown outcome, which may still be applied.
func TestAttemptIsReleasedAfterARefusalThatFollowsAnUnknownOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts, released []string
		note := func(next http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/release") {
					released = append(released, attemptOf(r))
					fmt.Fprint(w, `{"was_held":false}`)
					return
				}
				attempts = append(attempts, attemptOf(r))
				next(w, r)
			}
		}
		c := fake{"a": note(cut), "b": note(held)}.client(t, "a", "b")
		_, err := c.Acquire(background(), "job", AcquireOptions{})
		if !errors.Is(err, ErrHeld) || len(attempts) != 2 || attempts[0] != attempts[1] {
			t.Errorf("attempts %q: %v", attempts, err)
		}
		if len(released) != 1 || released[0] != attempts[0] || attempts[0] == "" {
			t.Errorf("attempts %q, released %q", attempts, released)
		}
	})
}

// released answers each release with answer, after cuts broken connections.
func released(answer string, cuts int, table *lockTable) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/release") {
			table.ServeHTTP(w, r)
			return
		}
		if cuts--; cuts >= 0 {
			cut(w, r)
		}
		fmt.Fprint(w, answer)
	}
}

// Only the node knows of the loss: the response to the release reports it.
func TestLossFoundByTheReleaseIsReported(t *testing.T) {
	const lostWork, fine, notKnown = "lost", "fine", "unknown"
	for _, tc := range []struct {
		answer string
		cuts   int
		want   string
	}{
		{`{"was_held":true}`, 0, fine},
		{`{"was_held":false}`, 0, lostWork},
		{`{"was_held":false,"ended":"broken"}`, 0, lostWork},
		{`{"was_held":false,"ended":"expired"}`, 1, lostWork},
		{`{"was_held":false,"ended":"released"}`, 1, fine},
		{`{"was_held":false}`, 1, notKnown},
	} {
		check := func(t *testing.T, what string, err error, want string) {
			isLost, isUnknown := errors.Is(err, ErrLost), errors.As(err, new(*UnknownError))
			if isLost != (want == lostWork) || isUnknown != (want == notKnown) || want == fine && err != nil {
				t.Errorf("%s, %s after %d cuts: %v", what, tc.answer, tc.cuts, err)
			}
		}
		client := func(t *testing.T) *Client {
			return fake{"a": released(tc.answer, tc.cuts, new(lockTable))}.client(t, "a")
		}
		synctest.Test(t, func(t *testing.T) {
			l := acquire(t, client(t))
			check(t, "release", l.Release(background()), tc.want)
			if tc.want != notKnown {
				check(t, "second release", l.Release(background()), fine)
			}
		})
		synctest.Test(t, func(t *testing.T) {
			m := client(t).Mutex("job", AcquireOptions{})
			if err := m.Lock(background()); err != nil {
				t.Fatal(err)
			}
			check(t, "unlock", m.Unlock(background()), tc.want)
		})
		synctest.Test(t, func(t *testing.T) {
			want := tc.want
			if want == notKnown {
				want = fine // the work is done, and a warning is logged
			}
			err := client(t).Do(background(), "job", AcquireOptions{}, func(context.Context, *Lease) error { return nil })
			check(t, "do", err, want)
		})
	}
}

// The work is done and no node responds: Do returns the result of the work, and the release
// continues in the background.
func TestAFailedReleaseDoesNotHideTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		node := &gate{h: table.ServeHTTP}
		c := fake{"a": node.ServeHTTP}.client(t, "a")
		out := logged(c)
		err := c.Do(background(), "job", AcquireOptions{}, func(context.Context, *Lease) error {
			node.set(noLeader)
			return nil
		})
		if err != nil || !strings.Contains(out.String(), "the work is done") {
			t.Errorf("got %v, logged %s", err, out)
		}
		node.set(table.ServeHTTP)
		waitForPendingReleases(c)
		if table.holder() != "" {
			t.Error("the lease was not released in the background")
		}
	})
}

func TestUnlockAfterALossReleasesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		m := fake{"a": table.ServeHTTP}.client(t, "a").Mutex("job", AcquireOptions{})
		if err := m.Lock(background()); err != nil {
			t.Fatal(err)
		}
		table.lose()
		<-m.Lease().Context().Done()
		next := make(chan error)
		go func() { next <- m.Lock(background()) }()
		if err := m.TryLock(background()); !errors.Is(err, ErrHeld) {
			t.Errorf("a lost mutex is locked by another before its unlock: %v", err)
		}
		if err := m.Unlock(background()); !errors.Is(err, ErrLost) {
			t.Errorf("the loser's unlock: %v", err)
		}
		if err := <-next; err != nil || table.holder() == "" {
			t.Errorf("the next lock: %v", err)
		}
		if err := m.Unlock(background()); err != nil || table.holder() != "" {
			t.Errorf("the next unlock: %v", err)
		}
	})
}

func TestLimitAllowsSeveralHoldersOfOneClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sessions, renewed := make(map[string]bool), make(map[string]int)
		c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
			session := strings.Split(strings.Split(readBody(r), `"session":"`)[1], `"`)[0]
			if strings.Contains(r.URL.Path, "release") {
				delete(sessions, session)
				fmt.Fprint(w, `{"was_held":true,"released":[],"left":[]}`)
				return
			}
			if strings.Contains(r.URL.Path, "renew") {
				renewed[session]++
				fmt.Fprintf(w, `{"leases":[{"name":"job","token":1,"expires_in_ms":900}],"waited_ms":0,"revision":%d}`, 9-len(renewed))
				return
			}
			if sessions[session] {
				t.Errorf("one session sent two acquires")
			}
			sessions[session] = true
			fmt.Fprintf(w, `{"name":"job","holder":"me","session":%q,"token":%d,"ttl_ms":15000,"expires_in_ms":15000}`, session, len(sessions))
		}}.client(t, "a")
		var leases []*Lease
		for range 3 {
			l, err := c.Acquire(background(), "job", AcquireOptions{Limit: 3})
			if err != nil {
				t.Fatal(err)
			}
			leases = append(leases, l)
		}
		if len(sessions) != 3 || !sessions[c.Session()] {
			t.Errorf("%d sessions sent an acquire", len(sessions))
		}
		if all, err := c.RenewSession(background()); err != nil || len(renewed) != 3 || len(all.Leases) != 3 || all.Revision != 6 {
			t.Errorf("renewed %v: %+v, %v", renewed, all, err)
		}
		third := leases[2]
		if _, err := c.RenewSession(background(), Held{"job", third.Token}); err != nil || renewed[third.Session] != 2 {
			t.Errorf("renewed %v: %v", renewed, err)
		}
		if _, err := c.ReleaseSession(background()); err != nil || len(sessions) != 0 {
			t.Errorf("%d sessions are left: %v", len(sessions), err)
		}
		for _, l := range leases {
			if !errors.Is(context.Cause(l.Context()), ErrReleased) {
				t.Error("a lease goes on after the session was released")
			}
		}
	})
}

func acquireUnder(c *Client, ctx context.Context) error {
	_, err := c.Acquire(ctx, "job", AcquireOptions{Wait: Forever})
	return err
}

func TestCloseWaitsForPendingReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		node := &gate{h: table.ServeHTTP}
		c := fake{"a": node.ServeHTTP}.client(t, "a")
		l, err := c.Acquire(background(), "job", AcquireOptions{})
		if err != nil {
			t.Fatal(err)
		}
		node.set(silence)
		ctx, cancel := context.WithTimeout(background(), time.Second)
		defer cancel()
		if err := l.Release(ctx); err == nil {
			t.Fatal("a silent node has released the lease")
		}
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 leases may be held") {
			t.Errorf("close while the node is silent: %v", err)
		}
		node.set(table.ServeHTTP)
		if err := c.Close(background()); err != nil || table.holder() != "" {
			t.Errorf("close: %v, and %q holds the lease", err, table.holder())
		}
	})
}

func TestWorkThatWaitsForItsOwnLeaseIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		c := fake{"a": table.ServeHTTP}.client(t, "a")
		nothing := func(context.Context, *Lease) error { return nil }
		err := c.Do(background(), "job", AcquireOptions{}, func(ctx context.Context, l *Lease) error {
			for what, err := range map[string]error{
				"do":    c.Do(ctx, "job", AcquireOptions{Wait: Forever}, nothing),
				"elect": c.Elect(ctx, "job", AcquireOptions{}, nothing),
				"lock":  c.Mutex("job", AcquireOptions{}).Lock(ctx),
				"own":   acquireUnder(c, l.Context()),
			} {
				if !errors.Is(err, ErrReentrant) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if err := c.Mutex("job", AcquireOptions{}).TryLock(ctx); !errors.Is(err, ErrHeld) {
				t.Errorf("try: %v", err)
			}
			return nil
		})
		if err != nil || table.count("acquire") != 1 {
			t.Errorf("%v after %d acquires", err, table.count("acquire"))
		}
	})
}
