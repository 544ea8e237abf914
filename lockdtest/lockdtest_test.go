package lockdtest_test

import (
	"errors"
	"testing"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/lockdtest"
)

func TestAServerIsRealAndItsClientsExcludeEachOther(t *testing.T) {
	server := lockdtest.Start(t)
	one, two := server.Client(lockd.Config{Holder: "one"}), server.Client(lockd.Config{Holder: "two"})
	l, err := one.Acquire(t.Context(), "job", lockd.AcquireOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.Acquire(t.Context(), "job", lockd.AcquireOptions{}); !errors.Is(err, lockd.ErrHeld) {
		t.Errorf("the second got %v", err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	next, err := two.Acquire(t.Context(), "job", lockd.AcquireOptions{})
	if err != nil || next.Token <= l.Token {
		t.Errorf("after the release: %v, %v", next, err)
	}
}

func TestServersKnowNothingOfOneAnother(t *testing.T) {
	for range 2 {
		c := lockdtest.Start(t).Client(lockd.Config{})
		if _, err := c.Acquire(t.Context(), "job", lockd.AcquireOptions{}); err != nil {
			t.Error(err)
		}
	}
}
