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

// leaseTable is a small server of many names that all last 15 s: it grants, and
// renews by session or by name.
type leaseTable struct {
	// mu guards what follows.
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

func TestTheLeasesOfASessionAreRenewedInOneCall(t *testing.T) {
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

// What an answer about a session leaves out is lost, or younger than the answer:
// asked for alone it is told which, and why.
func TestALeaseThatIsLeftOutIsAskedForAlone(t *testing.T) {
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

// A lease that is not wanted for a moment is kept; one that is wanted no more ends
// at its deadline and not before, for that is what others were told.
func TestALeaseThatIsNotWantedEndsAtItsDeadline(t *testing.T) {
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

func TestARenewalIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		l := acquire(t, fake{"a": table.ServeHTTP}.client(t, "a"))
		before, extended := l.Deadline(), l.Extended()
		l.KeepAlive()
		<-extended
		if !l.Deadline().After(before) {
			t.Error("told of a deadline that did not move")
		}
		select {
		case <-l.Extended():
			t.Error("the next one is told already")
		default:
		}
		l.Release(background())
	})
}

// A renewal that is overtaken by a smaller TTL would promise what no longer holds.
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
			t.Errorf("%d renewals crossed the change", n)
		}
		close(changing)
		if err := <-done; err != nil || l.Grant().TTL != 8000 {
			t.Errorf("the TTL is %v: %v", l.Grant().TTL, err)
		}
		l.Release(background())
	})
}
