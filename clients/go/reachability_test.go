package lockd

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// logged makes a Client write its warnings to the buffer.
func logged(c *Client) *bytes.Buffer {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	c.reachability, c.tokens.log = newReachability(log, c.addrs), log
	return &out
}

func TestWaitEndsIfNoNodeIsReachableAndWarnsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		nodes := fake{}
		c := nodes.client(t, "a", "b")
		out := logged(c)
		wait := func() {
			t.Helper()
			begun := time.Now()
			_, err := c.Acquire(background(), "job", AcquireOptions{Wait: time.Hour})
			took := time.Since(begun)
			if !errors.Is(err, ErrUnavailable) || took < defaultUnreachable || took > defaultUnreachable+2*maxPause {
				t.Errorf("after %v: %v", took, err)
			}
		}
		wait()
		wait()
		text := out.String()
		if strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "http://a:7400, http://b:7400") ||
			!strings.Contains(text, "refused") {
			t.Errorf("warned %s", text)
		}
		nodes["b"] = table.ServeHTTP
		acquire(t, c).Release(background())
		delete(nodes, "b")
		wait()
		if n := strings.Count(out.String(), "level=WARN"); n != 2 {
			t.Errorf("warned %d times", n)
		}
	})
}

func TestElectionOutlivesUnreachableNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		node := &gate{h: cut}
		c := fake{"a": node.ServeHTTP}.client(t, "a")
		out := logged(c)
		done := make(chan error, 1)
		begun := time.Now()
		go func() {
			done <- c.Elect(background(), "job", AcquireOptions{}, func(context.Context, *Lease) error { return nil })
		}()
		time.Sleep(10 * time.Minute)
		node.set(table.ServeHTTP)
		if err := <-done; err != nil || time.Since(begun) < 10*time.Minute {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		if strings.Count(out.String(), "level=WARN") != 1 {
			t.Errorf("warned %s", out)
		}
	})
}

func TestAnyResponseCountsAsReachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake{"b": noLeader}.client(t, "a", "b")
		out := logged(c)
		begun := time.Now()
		_, err := c.Acquire(background(), "job", AcquireOptions{Wait: time.Minute})
		if !errors.Is(err, ErrUnavailable) || time.Since(begun) < time.Minute || out.Len() > 0 {
			t.Errorf("after %v: %v, warned %s", time.Since(begun), err, out)
		}
	})
}

func TestLoadBalancerThatCutsLongWaitsIsReachable(t *testing.T) {
	for open, ends := range map[time.Duration]bool{50 * time.Second: false, 10 * time.Second: true} {
		synctest.Test(t, func(t *testing.T) {
			var table lockTable
			requests := 0
			c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
				if requests++; requests < 6 && strings.HasSuffix(r.URL.Path, "/acquire") {
					time.Sleep(open)
					cut(w, r)
				}
				table.ServeHTTP(w, r)
			}}.client(t, "a")
			begun := time.Now()
			_, err := c.Acquire(background(), "job", AcquireOptions{Wait: time.Hour})
			if late := time.Since(begun) - 5*open; ends != (err != nil) || late > 5*maxPause {
				t.Errorf("cut after %v: %v, %v late", open, err, late)
			}
		})
	}
}

func TestWatchWarnsIfNoNodeIsReachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake{}.client(t, "a", "b")
		out := logged(c)
		for _, err := range c.Watch(background(), WatchOptions{Name: "job"}) {
			if !errors.Is(err, ErrUnavailable) {
				t.Error(err)
			}
		}
		if strings.Count(out.String(), "level=WARN") != 1 {
			t.Errorf("warned %s", out)
		}
	})
}

// A caller that is cancelled during a request releases its attempt. After that the outcome is
// known: the caller holds nothing.
func TestCancelledWaitLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left []string
		var attempt atomic.Value
		c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/release") {
				left = append(left, attemptOf(r))
				w.Write([]byte(`{"was_held":false}`))
				return
			}
			attempt.Store(attemptOf(r))
			silence(w, r)
		}}.client(t, "a")
		ctx, cancel := context.WithTimeout(background(), time.Second)
		defer cancel()
		_, err := c.Acquire(ctx, "job", AcquireOptions{Wait: Forever})
		if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(*UnknownError)) || len(left) != 1 || left[0] != attempt.Load() {
			t.Errorf("left %q, %v", left, err)
		}
	})
}
