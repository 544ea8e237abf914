package lockd

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// To the cluster the session of a Client is one holder, so a second acquire of a name would return
// the first lease again.
func TestTwoLeasesOfOneNameExcludeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		c := fake{"a": table.ServeHTTP}.client(t, "a")
		first := acquire(t, c)
		first.KeepAlive()
		if _, err := c.Acquire(background(), "job", AcquireOptions{}); !errors.Is(err, ErrHeld) {
			t.Errorf("a second one: %v", err)
		}
		if err := c.Do(background(), "job", AcquireOptions{}, nil); !errors.Is(err, ErrHeld) {
			t.Errorf("a Do at the same time: %v", err)
		}
		if _, err := c.AcquireAll(background(), []string{"other", "job"}, AcquireAllOptions{}); !errors.Is(err, ErrHeld) {
			t.Errorf("together with another: %v", err)
		}
		time.AfterFunc(time.Minute, func() { first.Release(background()) })
		second, err := c.Acquire(background(), "job", AcquireOptions{Wait: time.Hour})
		if err != nil || second.Token == first.Token {
			t.Fatalf("after the first: %v", err)
		}
		second.Release(background())
	})
}

// A release by name ends the Lease too.
func TestAReleaseByNameEndsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		c := fake{"a": table.ServeHTTP}.client(t, "a")
		first := acquire(t, c)
		first.KeepAlive()
		if c.Release(background(), "job", ReleaseOptions{Token: first.Token + 1}); first.Context().Err() != nil {
			t.Errorf("the release of another hold ended it: %v", first.Context().Err())
		}
		if _, err := c.Release(background(), "job", ReleaseOptions{Token: first.Token}); err != nil {
			t.Fatal(err)
		}
		if err := first.Renew(background()); !errors.Is(err, ErrReleased) {
			t.Errorf("it is renewed: %v", err)
		}
		second := acquire(t, c)
		if second.Token == first.Token {
			t.Error("the second is the first")
		}
		second.Release(background())
	})
}

// The deadline of a lease that is not kept may be unwatched.
func TestForgottenLeaseEndsForTheNextAcquire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		c := fake{"a": table.ServeHTTP}.client(t, "a")
		forgotten := acquire(t, c)
		time.Sleep(time.Minute)
		table.lose()
		next := acquire(t, c)
		if err := forgotten.Renew(background()); !errors.Is(err, ErrLost) {
			t.Errorf("the forgotten lease was renewed: %v", err)
		}
		next.Release(background())
	})
}

// A copy of a release may arrive late. The session acquires the lease again only after the outcome
// of the release is certain.
func TestReleaseOfUnknownOutcomeCompletesBeforeAcquire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		node := &gate{h: table.ServeHTTP}
		c := fake{"a": node.ServeHTTP}.client(t, "a")
		first := acquire(t, c)
		node.set(unknown)
		var u *UnknownError
		if err := first.Release(background()); !errors.As(err, &u) {
			t.Fatal(err)
		}
		if _, err := c.Acquire(background(), "job", AcquireOptions{}); !errors.As(err, &u) {
			t.Fatalf("acquired over a release of unknown outcome: %v", err)
		}
		var requests []string
		node.set(func(w http.ResponseWriter, r *http.Request) {
			requests = append(requests, r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
			table.ServeHTTP(w, r)
		})
		second := acquire(t, c)
		if second.Token == first.Token || strings.Join(requests, " ") != "release acquire" {
			t.Errorf("token %d after %d, requests %v", second.Token, first.Token, requests)
		}
		second.Release(background())
	})
}
