package lockd

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFailedAddressIsFollowedByTheNext(t *testing.T) {
	for name, first := range map[string]http.HandlerFunc{
		"refused": nil, "no leader": noLeader, "cut": cut, "unknown": unknown, "silence": silence,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var table lockTable
				c := fake{"a": first, "b": table.ServeHTTP}.client(t, "a", "b")
				l, err := c.Acquire(background(), "job", AcquireOptions{})
				if err != nil || l.Token != 1 {
					t.Fatalf("got %v, %v", l, err)
				}
				if l.Previous.End != "expired" {
					t.Errorf("previous is %+v", l.Previous)
				}
				if n := table.count("acquire"); n != 1 {
					t.Errorf("the second node received %d requests", n)
				}
				if c.route.start() != 1 {
					t.Error("the next call would not begin at the address that answered")
				}
			})
		})
	}
}

func TestUnavailableThenSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		n := 0
		c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
			if n++; n < 4 {
				noLeader(w, r)
				return
			}
			table.ServeHTTP(w, r)
		}}.client(t, "a")
		if _, err := c.Acquire(background(), "job", AcquireOptions{}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestNoListenerIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := fake{}.client(t, "a", "b").Acquire(background(), "job", AcquireOptions{})
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrLost) {
			t.Errorf("got %v", err)
		}
		if time.Since(start) != 0 {
			t.Errorf("it took %v", time.Since(start))
		}
	})
}

// An outcome that was unknown once stays unknown, even if the last node certainly applied nothing.
func TestUnknownOutcomeStaysUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake{"a": cut, "b": noLeader}.client(t, "a", "b")
		start := time.Now()
		_, err := c.Release(background(), "job", ReleaseOptions{Token: 7})
		var u *UnknownError
		if !errors.As(err, &u) || errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took < c.retryFor || took > 3*c.retryFor {
			t.Errorf("gave up after %v", took)
		}
	})
}

func TestTransferWithoutTokenIsSentOnce(t *testing.T) {
	for _, token := range []uint64{0, 7} {
		synctest.Test(t, func(t *testing.T) {
			requests := 0
			c := fake{"a": cut, "b": func(w http.ResponseWriter, _ *http.Request) {
				requests++
				w.Write([]byte(`{"name":"job","to":"you","token":8}`))
			}}.client(t, "a", "b")
			_, err := c.Transfer(background(), "job", TransferOptions{To: "you", Token: token})
			var u *UnknownError
			if again := token != 0; again != (err == nil) || again != (requests == 1) || !again && !errors.As(err, &u) {
				t.Errorf("token %d: %d requests, %v", token, requests, err)
			}
		})
	}
}

func TestReadIsNeverUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake{"a": cut, "b": unknown}.client(t, "a", "b")
		_, err := c.Get(background(), "job")
		var u *UnknownError
		if errors.As(err, &u) || !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}

func TestCancelledCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(background(), time.Second)
		defer cancel()
		_, err := fake{"a": silence}.client(t, "a").Acquire(ctx, "job", AcquireOptions{Wait: Forever})
		var u *UnknownError
		if !errors.As(err, &u) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if _, err := (fake{"a": noLeader}).client(t, "a").Get(ctx, "job"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// If the time runs out, the error contains the last response of a node.
func TestErrorContainsTheLastResponse(t *testing.T) {
	const brief, whole = "title of no-leader (no-leader)", "lockd: Nothing was applied. (no-leader)"
	noLeader := problemOf(503, TypeNoLeader, `,"detail":"Nothing was applied."`)
	read := func(ctx context.Context, c *Client) error { _, err := c.Get(ctx, "job"); return err }
	release := func(ctx context.Context, c *Client) error {
		_, err := c.Release(ctx, "job", ReleaseOptions{Token: 7})
		return err
	}
	handOver := func(ctx context.Context, c *Client) error {
		_, err := c.Transfer(ctx, "job", TransferOptions{To: "you"}) // not repeated
		return err
	}
	for name, tt := range map[string]struct {
		call    func(context.Context, *Client) error
		then    http.HandlerFunc // after the first responses
		unknown bool
		want    string
	}{
		"between attempts": {release, noLeader, false, whole},
		"no listener":      {release, func(http.ResponseWriter, *http.Request) { panic("unexpected request") }, false, whole},
		"a read is cut":    {read, silence, false, whole},
		"a write is cut":   {release, silence, true, "context deadline exceeded; the last answer was: " + brief},
		"sent once":        {handOver, cut, true, "; the last answer was: " + brief},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nodes := fake{}
				requests := 0
				nodes["a"] = func(w http.ResponseWriter, r *http.Request) {
					if requests++; requests <= 3 {
						noLeader(w, r)
						return
					}
					tt.then(w, r)
				}
				hosts := []string{"a"}
				if name == "no listener" {
					requests, hosts = -1<<31, []string{"a", "b"} // b never listens
				}
				ctx, cancel := context.WithTimeout(background(), 2*time.Second)
				defer cancel()
				err := tt.call(ctx, nodes.client(t, hosts...))
				var u *UnknownError
				if errors.As(err, &u) != tt.unknown || errors.Is(err, ErrUnavailable) == tt.unknown || !strings.HasSuffix(err.Error(), tt.want) {
					t.Errorf("got %v", err)
				}
				if name != "sent once" && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v does not match DeadlineExceeded", err)
				}
			})
		})
	}
}

// A wait consists of many calls. The responses of one call count for the next.
func TestWaitKeepsTheResponsesOfEarlierCalls(t *testing.T) {
	for name, phases := range map[string][2]http.HandlerFunc{"answered, then cut": {noLeader, silence}, "cut, then answered": {cut, noLeader}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
					if time.Since(start) < 6*time.Second { // the first call gives up after 5 s
						phases[0](w, r)
					} else {
						phases[1](w, r)
					}
				}}.client(t, "a")
				ctx, cancel := context.WithTimeout(background(), 20*time.Second)
				defer cancel()
				_, err := c.Acquire(ctx, "job", AcquireOptions{Wait: time.Minute})
				var u *UnknownError
				if !errors.As(err, &u) || !strings.HasSuffix(err.Error(), "; the last answer was: title of no-leader (no-leader)") {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestListenerThatIsGoneIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := fake{}
		nodes["a"] = func(w http.ResponseWriter, r *http.Request) {
			noLeader(w, r)
			delete(nodes, "a")
		}
		_, err := nodes.client(t, "a").Get(background(), "job")
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("got %v", err)
		}
	})
}

func TestProblem(t *testing.T) {
	c := fake{"a": problemOf(400, TypeInvalid, `,"errors":[{"field":"ttl_ms","reason":"must be at least 1000"}]`)}.client(t, "a")
	_, err := c.Acquire(background(), "job", AcquireOptions{})
	var e *Error
	if !errors.As(err, &e) || e.Type != TypeInvalid || e.Status != 400 || len(e.FieldErrors) != 1 {
		t.Fatalf("got %#v", err)
	}
	if want := "lockd: ttl_ms must be at least 1000 (invalid)"; err.Error() != want {
		t.Errorf("the text is %q, want %q", err, want)
	}

	c = fake{"a": held}.client(t, "a")
	_, err = c.Acquire(background(), "job", AcquireOptions{})
	if !errors.Is(err, ErrHeld) || !errors.Is(err, ErrNotAcquired) || errors.Is(err, ErrLost) {
		t.Fatalf("got %v", err)
	}
	if errors.As(err, &e); e.Lease == nil || e.Lease.Holder != "you" || e.Lease.QueueLength != 2 {
		t.Errorf("the lease is %+v", e.Lease)
	}
}

// A bare 500 or 502 of a proxy does not show what happened behind it.
func TestBare5xxIsUnknown(t *testing.T) {
	for _, status := range []int{500, 502, 503} {
		err := parseProblem(status, 0, []byte("<html>\nbad gateway"))
		var u *UnknownError
		if !errors.As(err, &u) {
			t.Errorf("%d is %v", status, err)
		}
	}
}

// With real sockets: to a refused connection nothing was sent; a connection that is cut may have
// delivered the request.
func TestSockets(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	cutting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	}))
	defer cutting.Close()

	c := mustNew(t, Config{Addresses: []string{closed.Addr().String()}, RetryFor: -1})
	if _, err := c.Acquire(background(), "job", AcquireOptions{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("refused is %v", err)
	}
	c = mustNew(t, Config{Addresses: []string{closed.Addr().String(), cutting.URL}, RetryFor: -1})
	var u *UnknownError
	if _, err := c.Acquire(background(), "job", AcquireOptions{}); !errors.As(err, &u) {
		t.Errorf("cut is %v", err)
	}
}
