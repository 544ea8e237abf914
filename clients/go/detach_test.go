package lockd

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// releaseWays are the ways to release a lease.
var releaseWays = map[string]func(ctx context.Context, c *Client, l *Lease) error{
	"lease": func(ctx context.Context, _ *Client, l *Lease) error { return l.Release(ctx) },
	"name": func(ctx context.Context, c *Client, l *Lease) error {
		_, err := c.Release(ctx, l.Name, ReleaseOptions{Token: l.Token})
		return err
	},
	"session": func(ctx context.Context, c *Client, _ *Lease) error {
		_, err := c.ReleaseSession(ctx)
		return err
	},
	"mutex": func(ctx context.Context, c *Client, l *Lease) error {
		m := c.Mutex(l.Name, AcquireOptions{})
		m.locked <- struct{}{}
		m.lease = l
		return m.Unlock(ctx)
	},
}

// withSessionRelease is a table that also releases sessions.
func withSessionRelease(table *lockTable) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/sessions/release" {
			table.lose()
			w.Write([]byte(`{}`))
			return
		}
		table.ServeHTTP(w, r)
	}
}

func TestReleaseIsSentAfterItsContextEnded(t *testing.T) {
	for name, release := range releaseWays {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var table lockTable
				c := fake{"a": withSessionRelease(&table)}.client(t, "a")
				l := acquire(t, c)
				ctx, cancel := context.WithCancel(background())
				cancel()
				if err := release(ctx, c, l); err != nil || table.holder() != "" {
					t.Errorf("held by %q, %v", table.holder(), err)
				}
			})
		})
	}
}

func TestReleaseEndsAfterACancellation(t *testing.T) {
	for name, release := range releaseWays {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var table lockTable
				node := &gate{h: withSessionRelease(&table)}
				c := fake{"a": node.ServeHTTP}.client(t, "a")
				c.retryFor = time.Hour
				l := acquire(t, c)
				node.set(silence)
				ctx, cancel := context.WithCancel(background())
				time.AfterFunc(time.Second, cancel)
				begun := time.Now()
				var u *UnknownError
				if err := release(ctx, c, l); !errors.As(err, &u) || time.Since(begun) != time.Second+releaseTimeout {
					t.Errorf("after %v: %v", time.Since(begun), err)
				}
			})
		})
	}
}

// A deadline that has not passed is kept, and the outcome of the release is known or reported as
// unknown.
func TestReleaseKeepsADeadlineAndReportsItsOutcome(t *testing.T) {
	for name, release := range releaseWays {
		for what, h := range map[string]http.HandlerFunc{"silent": silence, "no leader": noLeader} {
			t.Run(name+" "+what, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var table lockTable
					node := &gate{h: withSessionRelease(&table)}
					c := fake{"a": node.ServeHTTP}.client(t, "a")
					l := acquire(t, c)
					node.set(h)
					ctx, cancel := context.WithTimeout(background(), 2*time.Second)
					defer cancel()
					begun := time.Now()
					err := release(ctx, c, l)
					var u *UnknownError
					if errors.As(err, &u) == errors.Is(err, ErrUnavailable) || errors.As(err, &u) != (what == "silent") || time.Since(begun) != 2*time.Second {
						t.Errorf("after %v: %v", time.Since(begun), err)
					}
				})
			})
		}
	}
}
