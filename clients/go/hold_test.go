package lockd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The deadline counts from when the request was sent, even if the response is late.
func TestDeadlineCountsFromSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := fake{"a": func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(4 * time.Second)
			w.Write([]byte(`{"name":"job","token":7,"ttl_ms":10000,"expires_in_ms":9990,"waited_ms":3000}`))
		}}.client(t, "a")
		l, err := c.Acquire(background(), "job", AcquireOptions{TTL: 10 * time.Second, Wait: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		want := start.Add(3000*time.Millisecond + 9990*time.Millisecond - 9990*time.Millisecond/50)
		if !l.Deadline().Equal(want) {
			t.Errorf("deadline is %v, want %v", l.Deadline().Sub(start), want.Sub(start))
		}
		if l.Remaining() != time.Until(want) {
			t.Errorf("remaining is %v, want %v", l.Remaining(), time.Until(want))
		}
	})
}

func TestMarginIsAtLeast50ms(t *testing.T) {
	if v := validity(Grant{ExpiresIn: 999}, 0, time.Hour); v != 949*time.Millisecond {
		t.Errorf("valid for %v", v)
	}
}

func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		l := acquire(t, fake{"a": table.ServeHTTP}.client(t, "a"))
		ctx := l.KeepAlive()
		l.KeepAlive()
		time.Sleep(time.Minute)
		if ctx.Err() != nil {
			t.Fatal(context.Cause(ctx))
		}
		if n := table.count("renew"); n < 12 || n > 15 {
			t.Errorf("%d renewals in a minute at a TTL of 15 s", n)
		}
		if err := l.Release(background()); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(context.Cause(ctx), ErrReleased) || table.holder() != "" || l.Remaining() > 0 {
			t.Errorf("after the release: %v, held by %q", context.Cause(ctx), table.holder())
		}
		if err := l.Renew(background()); !errors.Is(err, ErrReleased) {
			t.Errorf("a renewal after it: %v", err)
		}
		if err := l.Release(background()); err != nil {
			t.Errorf("a second release: %v", err)
		}
	})
}

func TestKeepAliveReportsALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		l := acquire(t, fake{"a": table.ServeHTTP}.client(t, "a"))
		ctx := l.KeepAlive()
		table.lose()
		<-ctx.Done()
		var e *Error
		if cause := context.Cause(ctx); !errors.Is(cause, ErrLost) || !errors.As(cause, &e) || e.Type != TypeNotHolder {
			t.Errorf("the cause is %v", cause)
		}
	})
}

// A response that does not report a loss leaves the deadline unchanged. The lease ends exactly at
// the deadline.
func TestKeepAliveEndsAtTheDeadline(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"refused": nil, "silence": silence, "cut": cut, "unknown": unknown, "no leader": noLeader,
		"limited": problemOf(429, TypeRateLimited, ""),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var table lockTable
				node := &gate{h: table.ServeHTTP}
				f := fake{"a": node.ServeHTTP}
				l := acquire(t, f.client(t, "a"))
				deadline := l.Deadline()
				if h == nil {
					h = func(http.ResponseWriter, *http.Request) { panic("refused") }
				}
				node.set(h)
				<-l.KeepAlive().Done()
				if late := time.Since(deadline); late != 0 {
					t.Errorf("ended %v after the deadline", late)
				}
				if cause := context.Cause(l.Context()); !errors.Is(cause, errDeadline) {
					t.Errorf("the cause is %v", cause)
				}
			})
		})
	}
}

// One unresponsive node does not cost a lease.
func TestKeepAliveSurvivesAnUnresponsiveNode(t *testing.T) {
	for _, ttl := range []time.Duration{time.Second, 15 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			var table lockTable
			first := &gate{h: table.ServeHTTP}
			c := fake{"a": first.ServeHTTP, "b": table.ServeHTTP}.client(t, "a", "b")
			l, err := c.Acquire(background(), "job", AcquireOptions{TTL: ttl})
			if err != nil {
				t.Fatal(err)
			}
			first.set(silence)
			ctx := l.KeepAlive()
			time.Sleep(10 * ttl)
			if ctx.Err() != nil {
				t.Errorf("TTL %v: %v", ttl, context.Cause(ctx))
			}
			l.Release(background())
		})
	}
}

// After a suspension the wall clock has jumped forward; that time counts as elapsed.
func TestForwardJumpCountsAsElapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		node := &gate{h: table.ServeHTTP}
		c := fake{"a": node.ServeHTTP}.client(t, "a")
		var j jumpingClock
		c.clock = j.now
		l := acquire(t, c)
		ctx := l.KeepAlive()
		node.set(silence)
		time.Sleep(2 * time.Second)
		j.jump(-time.Hour)
		if l.Remaining() < 12*time.Second {
			t.Errorf("after a jump back %v remain", l.Remaining())
		}
		j.jump(2 * time.Hour)
		if l.Remaining() > 0 {
			t.Errorf("after a jump forward %v remain", l.Remaining())
		}
		start := time.Now()
		<-ctx.Done()
		if late := time.Since(start); late > clockCheckInterval || !errors.Is(context.Cause(ctx), ErrLost) {
			t.Errorf("ended %v late: %v", late, context.Cause(ctx))
		}
	})
}

func TestSmallerTTLCountsFromSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		node := &gate{h: table.ServeHTTP}
		l := acquire(t, fake{"a": node.ServeHTTP}.client(t, "a"))
		before := l.Deadline()
		node.set(cut)
		if err := l.Renew(background()); err == nil || !l.Deadline().Equal(before) {
			t.Errorf("a renewal of unknown outcome moved the deadline, %v", err)
		}
		sent := time.Now()
		var u *UnknownError
		if err := l.Change(background(), 2*time.Second, nil); !errors.As(err, &u) {
			t.Errorf("got %v", err)
		}
		if l.Deadline().Sub(sent) > 2*time.Second {
			t.Errorf("the deadline is %v after the sending", l.Deadline().Sub(sent))
		}
	})
}

func TestRenewalThatOverlapsATTLChangeExtendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		l := acquire(t, fake{"a": table.ServeHTTP}.client(t, "a"))
		long := l.Grant()
		l.shorten(2 * time.Second)
		time.Sleep(time.Millisecond)
		crossing := l.c.clock()
		l.extend(long, crossing, 0)
		if l.Remaining() > 2*time.Second {
			t.Error("extended while the change was in progress")
		}
		time.Sleep(time.Millisecond)
		l.changeDone(2*time.Second, nil)
		l.extend(long, crossing, 0)
		if l.Remaining() > 2*time.Second {
			t.Error("extended by a renewal that was sent before the change was answered")
		}
		l.extend(long, l.c.clock(), 0)
		if l.Remaining() < 10*time.Second {
			t.Error("not extended by a renewal that was sent after the change was answered")
		}
	})
}

// Two renewals of one hold can be answered in the order in which they were not sent.
func TestOlderRenewalExtendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		l := acquire(t, fake{"a": table.ServeHTTP}.client(t, "a"))
		time.Sleep(time.Second)
		older := l.c.clock()
		time.Sleep(time.Second)
		newer := l.c.clock()
		short := l.Grant()
		short.ExpiresIn = 5_000
		l.extend(short, newer, 0)
		deadline := l.Deadline()
		l.extend(l.Grant(), older, 0)
		long := l.Grant()
		long.ExpiresIn = 15_000
		l.extend(long, older, 0)
		if !l.Deadline().Equal(deadline) || l.Grant().ExpiresIn != 5_000 {
			t.Errorf("the answer to an older renewal moved the deadline by %v", l.Deadline().Sub(deadline))
		}
	})
}

// Of overlapping changes the smallest TTL counts, in every order of requests and responses. If its
// response is lost it counts from then on, and the lease is still not lost.
func TestSmallestOfOverlappingTTLChangesCounts(t *testing.T) {
	const long, short = time.Minute, 4 * time.Second
	orders := [][]time.Duration{{long, short}, {short, long}}
	for _, sent := range orders {
		for _, ended := range orders {
			for _, lost := range [][]time.Duration{nil, {long}, {short}, {long, short}} {
				t.Run(fmt.Sprintf("sent %v, ended %v, lost %v", sent, ended, lost), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { cross(t, short, sent, ended, lost) })
				})
			}
		}
	}
}

func cross(t *testing.T, short time.Duration, sent, ended, lost []time.Duration) {
	var table lockTable
	node := &gate{h: table.ServeHTTP}
	c := fake{"a": node.ServeHTTP}.client(t, "a")
	c.retryFor = 0
	l := acquire(t, c)
	time.Sleep(13 * time.Second)
	ends := make(map[string]chan http.HandlerFunc)
	for _, ttl := range sent {
		ends[ttlOf(ttl)] = make(chan http.HandlerFunc)
	}
	node.set(func(w http.ResponseWriter, r *http.Request) {
		for ttl, end := range ends {
			if strings.Contains(readBody(r), ttl) {
				(<-end)(w, r)
			}
		}
	})
	for _, ttl := range sent {
		go l.Change(background(), ttl, nil)
		time.Sleep(100 * time.Millisecond)
	}
	for _, ttl := range ended {
		end := table.ServeHTTP
		if slices.Contains(lost, ttl) {
			end = cut
		}
		ends[ttlOf(ttl)] <- end
		time.Sleep(100 * time.Millisecond)
		if left := l.Remaining(); left <= 0 || left > short {
			t.Errorf("when the change to %v has ended %v remain", ttl, left)
		}
	}
	if left := l.Remaining(); (left > 2*time.Second) != (len(lost) < len(sent)) {
		t.Errorf("when both have ended %v remain", left)
	}
	node.set(func(w http.ResponseWriter, _ *http.Request) {
		table.mu.Lock()
		defer table.mu.Unlock()
		table.ttl = 60_000
		table.grant(w, http.StatusOK)
	})
	ctx := l.KeepAlive()
	time.Sleep(time.Minute)
	if left := l.Remaining(); ctx.Err() != nil || (left <= short) != slices.Contains(lost, short) {
		t.Errorf("after a minute of renewals %v remain, %v", left, context.Cause(ctx))
	}
	l.end(ErrReleased)
}

func ttlOf(ttl time.Duration) string { return fmt.Sprintf(`"ttl_ms":%d`, ttl.Milliseconds()) }

func TestTransfer(t *testing.T) {
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		cause  error // of Context; nil: it continues
	}{
		"done":         {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"token":9}`)) }, ErrReleased},
		"no candidate": {problemOf(409, TypeNoCandidate, ""), nil},
		"no leader":    {noLeader, nil},
		"unknown":      {unknown, ErrReleased},
		"lost":         {lost, ErrLost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var table lockTable
				node := &gate{h: table.ServeHTTP}
				l := acquire(t, fake{"a": node.ServeHTTP}.client(t, "a"))
				node.set(func(w http.ResponseWriter, r *http.Request) {
					if l.Remaining() > 0 {
						t.Error("the lease counts as held during a transfer")
					}
					tt.answer(w, r)
				})
				err := l.Transfer(background(), "you")
				if (err == nil) != (name == "done") {
					t.Errorf("got %v", err)
				}
				if cause := context.Cause(l.Context()); !errors.Is(cause, tt.cause) {
					t.Errorf("the cause is %v", cause)
				}
				if tt.cause == nil && l.Remaining() <= 0 {
					t.Error("nothing changed, but the lease is not held")
				}
			})
		})
	}
}

func acquire(t *testing.T, c *Client) *Lease {
	t.Helper()
	l, err := c.Acquire(background(), "job", AcquireOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}
