package lockd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// leaseTable is a small server of many names with a TTL of 15 s. It grants leases, and renews them
// by session or by name.
type leaseTable struct {
	// mu guards the fields below.
	mu    sync.Mutex
	held  map[string]uint64
	token uint64
	calls map[string]int // by path
}

func (l *leaseTable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Leases []Held `json:"leases"`
	}
	json.NewDecoder(r.Body).Decode(&body)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held, l.calls = map[string]uint64{}, map[string]int{}
	}
	l.calls[r.URL.Path]++
	var name, verb string
	fmt.Sscanf(r.URL.Path, "/v1/leases/%1s/%s", &name, &verb)
	switch {
	case verb == "acquire":
		l.token++
		l.held[name] = l.token
		fmt.Fprintf(w, `{"name":%q,"token":%d,"ttl_ms":15000,"expires_in_ms":14985}`, name, l.token)
	case verb == "renew" && l.held[name] != 0:
		fmt.Fprintf(w, `{"name":%q,"token":%d,"ttl_ms":15000,"expires_in_ms":14985}`, name, l.held[name])
	case verb == "renew":
		problemOf(409, TypeBroken, `,"lost":true`)(w, r)
	case verb == "release":
		delete(l.held, name)
		w.Write([]byte(`{}`))
	default:
		all := SessionLeases{Revision: l.token, Leases: []SessionLease{}}
		for _, h := range body.Leases {
			if l.held[h.Name] == h.Token {
				all.Leases = append(all.Leases, SessionLease{Name: h.Name, Token: h.Token, ExpiresIn: 14985})
			}
		}
		json.NewEncoder(w).Encode(all)
	}
}

func (l *leaseTable) count(path string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls[path]
}

func (l *leaseTable) drop(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, name)
}

func TestLeasesOfASessionAreRenewedInOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table leaseTable
		c := fake{"a": table.ServeHTTP}.client(t, "a")
		var kept []context.Context
		for _, name := range []string{"x", "y", "z"} {
			l, err := c.Acquire(background(), name, AcquireOptions{})
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, l.KeepAlive())
			defer l.Release(background())
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		for _, ctx := range kept {
			if ctx.Err() != nil {
				t.Error(context.Cause(ctx))
			}
		}
		if n := table.count("/v1/sessions/renew"); n < 12 || n > 16 {
			t.Errorf("%d renewals of the session in a minute at a TTL of 15 s", n)
		}
		if n := table.count("/v1/leases/x/renew") + table.count("/v1/leases/y/renew"); n > 0 {
			t.Errorf("%d renewals of one lease", n)
		}
	})
}

// A lease that is missing in the response about a session is lost, or newer than the response. A
// separate renewal shows which.
func TestLeaseMissingInARenewalIsRenewedSeparately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table leaseTable
		c := fake{"a": table.ServeHTTP}.client(t, "a")
		x, _ := c.Acquire(background(), "x", AcquireOptions{})
		y, err := c.Acquire(background(), "y", AcquireOptions{})
		if err != nil {
			t.Fatal(err)
		}
		kept, broken := x.KeepAlive(), y.KeepAlive()
		table.drop("y")
		<-broken.Done()
		var e *Error
		if cause := context.Cause(broken); !errors.Is(cause, ErrLost) || !errors.As(cause, &e) || e.Type != TypeBroken {
			t.Errorf("the cause is %v", cause)
		}
		time.Sleep(time.Minute)
		if kept.Err() != nil {
			t.Error(context.Cause(kept))
		}
		x.Release(background())
	})
}

// A lease that is not wanted for a moment is kept. A lease that is no longer wanted ends at its
// deadline and not before, because others rely on that deadline.
func TestUnwantedLeaseEndsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		l := acquire(t, fake{"a": table.ServeHTTP}.client(t, "a"))
		start := time.Now()
		ctx := l.KeepAliveWhile(func() bool {
			at := time.Since(start)
			return at < 10*time.Second || at > 17*time.Second && at < time.Minute
		})
		time.Sleep(time.Minute)
		if ctx.Err() != nil {
			t.Fatal(context.Cause(ctx))
		}
		deadline, renewed := l.Deadline(), table.count("renew")
		<-ctx.Done()
		if !time.Now().Equal(deadline) || table.count("renew") != renewed || !errors.Is(context.Cause(ctx), ErrLost) {
			t.Errorf("ended %v after its deadline, %d times renewed meanwhile: %v",
				time.Since(deadline), table.count("renew")-renewed, context.Cause(ctx))
		}
	})
}

func TestExtendedIsClosedByARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		l := acquire(t, fake{"a": table.ServeHTTP}.client(t, "a"))
		before, extended := l.Deadline(), l.Extended()
		l.KeepAlive()
		<-extended
		if !l.Deadline().After(before) {
			t.Error("notified, but the deadline did not move")
		}
		select {
		case <-l.Extended():
			t.Error("the channel of the next renewal is closed already")
		default:
		}
		l.Release(background())
	})
}

// A renewal that is overtaken by a smaller TTL would grant too much time.
func TestNothingIsRenewedWhileTheTTLChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		changing := make(chan struct{})
		c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/leases/job/renew" && readBody(r) != `{"session":"session-0123456789","token":1}` {
				<-changing
			}
			table.ServeHTTP(w, r)
		}}.client(t, "a")
		l := acquire(t, c)
		l.KeepAlive()
		time.Sleep(4 * time.Second)
		done := make(chan error, 1)
		go func() { done <- l.Change(background(), 8*time.Second, nil) }()
		time.Sleep(3 * time.Second)
		if n := table.count("renew"); n != 0 {
			t.Errorf("%d renewals overlapped the change", n)
		}
		close(changing)
		if err := <-done; err != nil || l.Grant().TTL != 8000 {
			t.Errorf("the TTL is %v: %v", l.Grant().TTL, err)
		}
		l.Release(background())
	})
}
