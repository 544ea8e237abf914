package lockd

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestDoReleasesAfterTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		c := fake{"a": table.ServeHTTP}.client(t, "a")
		ctx, cancel := context.WithCancel(background())
		failed := errors.New("work failed")
		err := c.Do(ctx, "job", AcquireOptions{}, func(ctx context.Context, l *Lease) error {
			cancel() // a cancelled caller does not end the work before it returns
			time.Sleep(time.Minute)
			if table.holder() == "" || l.Token != 1 {
				t.Error("released under running work")
			}
			return failed
		})
		if err == nil || !errors.Is(err, failed) || errors.Is(err, ErrLost) {
			t.Errorf("got %v", err)
		}
		if table.holder() != "" {
			t.Error("not released after the work")
		}
	})
}

func TestDoReturnsALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		c := fake{"a": table.ServeHTTP}.client(t, "a")
		err := c.Do(background(), "job", AcquireOptions{}, func(ctx context.Context, _ *Lease) error {
			table.lose()
			<-ctx.Done()
			if !errors.Is(context.Cause(ctx), ErrLost) {
				t.Errorf("the cause is %v", context.Cause(ctx))
			}
			return nil
		})
		if !errors.Is(err, ErrLost) {
			t.Errorf("got %v", err)
		}
	})
}

func TestDoReleasesOnPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		c := fake{"a": table.ServeHTTP}.client(t, "a")
		defer func() {
			if recover() == nil || table.holder() != "" {
				t.Error("the panic was swallowed, or the lease kept")
			}
		}()
		c.Do(background(), "job", AcquireOptions{}, func(context.Context, *Lease) error { panic("work") })
	})
}

// To the cluster one session is one holder, but within a Client calls of Do exclude each other.
func TestCallsOfDoExcludeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		c := fake{"a": table.ServeHTTP}.client(t, "a")
		var inside, done atomic.Int32
		work := func(context.Context, *Lease) error {
			if inside.Add(1) != 1 {
				t.Error("two at once")
			}
			time.Sleep(time.Second)
			inside.Add(-1)
			done.Add(1)
			return nil
		}
		for range 5 {
			go func() {
				if err := c.Do(background(), "job", AcquireOptions{Wait: time.Minute}, work); err != nil {
					t.Error(err)
				}
			}()
		}
		time.Sleep(500 * time.Millisecond)
		if err := c.Do(background(), "job", AcquireOptions{}, work); !errors.Is(err, ErrHeld) {
			t.Errorf("without a wait: %v", err)
		}
		time.Sleep(10 * time.Second)
		if done.Load() != 5 {
			t.Errorf("%d ran", done.Load())
		}
	})
}

func TestElectCampaignsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		c := fake{"a": table.ServeHTTP}.client(t, "a")
		ctx, cancel := context.WithCancel(background())
		var tokens []uint64
		err := c.Elect(ctx, "job", AcquireOptions{}, func(ctx context.Context, l *Lease) error {
			tokens = append(tokens, l.Token)
			if len(tokens) == 3 {
				cancel()
			} else {
				table.lose()
			}
			<-ctx.Done()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if len(tokens) != 3 || tokens[2] != 3 || table.holder() != "" {
			t.Errorf("led with %v, held by %q in the end", tokens, table.holder())
		}
	})
}

// recordedMetrics records the calls of LeaderMetrics.
type recordedMetrics struct {
	mu    sync.Mutex
	calls []string
}

func (m *recordedMetrics) record(call string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, call)
}

func (m *recordedMetrics) On(name string)                { m.record("on " + name) }
func (m *recordedMetrics) Off(name string)               { m.record("off " + name) }
func (m *recordedMetrics) SlowpathExercised(name string) { m.record("slow " + name) }

func TestLeaderMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		node := &gate{h: table.ServeHTTP}
		c := fake{"a": node.ServeHTTP}.client(t, "a")
		metrics := &recordedMetrics{}
		c.metrics = metrics
		err := c.Elect(background(), "job", AcquireOptions{TTL: 15 * time.Second}, func(ctx context.Context, l *Lease) error {
			node.set(cut)
			time.Sleep(11 * time.Second) // the renewal at a third of the TTL fails
			node.set(table.ServeHTTP)
			time.Sleep(time.Second)
			return l.Context().Err()
		})
		calls := slices.Compact(metrics.calls)
		if want := []string{"off job", "on job", "slow job", "off job"}; err != nil || !slices.Equal(calls, want) {
			t.Errorf("%v, calls %v, want %v", err, calls, want)
		}
	})
}

func TestElectResigns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table lockTable
		c := fake{"a": table.ServeHTTP}.client(t, "a")
		if err := c.Elect(background(), "job", AcquireOptions{}, func(context.Context, *Lease) error { return nil }); err != nil {
			t.Error(err)
		}
		if table.holder() != "" {
			t.Error("still held")
		}
		c = fake{"a": problemOf(409, TypeSessionInUse, "")}.client(t, "a")
		if err := c.Elect(background(), "job", AcquireOptions{}, nil); !errors.Is(err, ErrNotAcquired) {
			t.Errorf("got %v", err)
		}
	})
}

func TestElectDistinguishesAWorkErrorFromALoss(t *testing.T) {
	owns := []error{errDeadline, &Error{Type: TypeNotHolder, Status: 409, Definitive: true, Lost: true}, &Error{Type: TypeHeld},
		ErrUnavailable, &UnknownError{Err: errors.New("of its own")}, errors.New("what it works with")}
	for _, own := range owns {
		synctest.Test(t, func(t *testing.T) {
			var table lockTable
			c := fake{"a": table.ServeHTTP}.client(t, "a")
			led := 0
			err := c.Elect(background(), "job", AcquireOptions{}, func(ctx context.Context, _ *Lease) error {
				if led++; led == 1 {
					table.lose()
					<-ctx.Done()
				}
				return own
			})
			if !errors.Is(err, own) || led != 2 || table.holder() != "" {
				t.Errorf("%v: led %d times, and then %v", own, led, err)
			}
		})
	}
}
