package lockd

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestMutexExcludesUntilUnlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		c := fake{"a": table.ServeHTTP}.client(t, "a")
		one, two := c.Mutex("job", AcquireOptions{}), c.Mutex("job", AcquireOptions{})
		if err := one.Lock(background()); err != nil || one.Lease().Token != 1 {
			t.Fatal(err)
		}
		if err := two.TryLock(background()); !errors.Is(err, ErrHeld) || two.Lease() != nil {
			t.Errorf("the second got %v", err)
		}
		in := make(chan error)
		go func() { in <- two.Lock(background()) }()
		time.Sleep(time.Minute) // the lease is kept during this time
		select {
		case err := <-in:
			t.Fatalf("the second is in: %v", err)
		default:
		}
		if err := one.Unlock(background()); err != nil || one.Lease() != nil {
			t.Fatal(err)
		}
		if err := <-in; err != nil || two.Lease().Token != 2 {
			t.Error(err)
		}
		if err := one.Unlock(background()); !errors.Is(err, ErrUnlocked) {
			t.Errorf("unlocked twice: %v", err)
		}
		if err := two.Unlock(background()); err != nil || table.holder() != "" {
			t.Error(err)
		}
	})
}

// After a suspension the deadline may not have been checked yet.
func TestLossDuringASuspensionIsReportedWhenTheWorkEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		var clock jumpingClock
		c := fake{"a": table.ServeHTTP}.client(t, "a")
		c.clock = clock.now
		err := c.Do(background(), "job", AcquireOptions{}, func(context.Context, *Lease) error {
			clock.jump(time.Minute)
			return nil
		})
		if !errors.Is(err, ErrLost) {
			t.Errorf("done: %v", err)
		}
		m := c.Mutex("job", AcquireOptions{})
		if err := m.Lock(background()); err != nil {
			t.Fatal(err)
		}
		clock.jump(time.Minute)
		if err := m.Unlock(background()); !errors.Is(err, ErrLost) {
			t.Errorf("unlocked: %v", err)
		}
	})
}
