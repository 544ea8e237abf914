package lockdtest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/lockdtest"
)

func TestClientsOfServerExcludeEachOther(t *testing.T) {
	server := lockdtest.Start(t)
	one, two := server.Client(lockd.Config{Holder: "one"}), server.Client(lockd.Config{Holder: "two"})
	l, err := one.Acquire(t.Context(), "job", lockd.AcquireOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.Acquire(t.Context(), "job", lockd.AcquireOptions{}); !errors.Is(err, lockd.ErrHeld) {
		t.Errorf("the second acquire returned %v", err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	next, err := two.Acquire(t.Context(), "job", lockd.AcquireOptions{})
	if err != nil || next.Token <= l.Token {
		t.Errorf("after the release: %v, %v", next, err)
	}
}

func TestServersAreIndependent(t *testing.T) {
	for range 2 {
		c := lockdtest.Start(t).Client(lockd.Config{})
		if _, err := c.Acquire(t.Context(), "job", lockd.AcquireOptions{}); err != nil {
			t.Error(err)
		}
	}
}

func TestLeaseIsLostOnSilentLinkAndRestoredLinkServes(t *testing.T) {
	server := lockdtest.Start(t)
	link := server.NewLink()
	cut, err := lockd.New(lockd.Config{Addresses: []string{link.Address}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := cut.Acquire(t.Context(), "job", lockd.AcquireOptions{TTL: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	held := l.KeepAlive()
	link.Silence()
	<-held.Done()
	if !errors.Is(context.Cause(held), lockd.ErrLost) {
		t.Errorf("the context ended with %v", context.Cause(held))
	}
	link.Restore()
	link.Cut()
	if _, err := cut.Get(t.Context(), "job"); err != nil {
		t.Errorf("after Restore: %v", err)
	}
}
