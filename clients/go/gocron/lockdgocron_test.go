package lockdgocron_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-co-op/gocron/v2"

	lockd "github.com/lockd/lockd/clients/go"
	lockdgocron "github.com/lockd/lockd/clients/go/gocron"
)

// scheduler runs a job at short intervals until the test ends.
func scheduler(t *testing.T, name string, job func(), option gocron.SchedulerOption) gocron.Scheduler {
	t.Helper()
	s, err := gocron.NewScheduler(option)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.NewJob(gocron.DurationJob(20*time.Millisecond), gocron.NewTask(job), gocron.WithName(name)); err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { _ = s.Shutdown() })
	return s
}

// refusing is a Locker that sends on refused after each refusal, if a receiver is ready.
type refusing struct {
	gocron.Locker
	refused chan struct{}
}

func (r refusing) Lock(ctx context.Context, key string) (gocron.Lock, error) {
	l, err := r.Locker.Lock(ctx, key)
	if err != nil {
		select {
		case r.refused <- struct{}{}:
		default:
		}
	}
	return l, err
}

func TestNoTwoSchedulersRunAJobAtOnce(t *testing.T) {
	var running, most, runs, withToken atomic.Int32
	refused := make(chan struct{})
	for _, holder := range []string{"one", "two", "three"} {
		locker := lockdgocron.NewLocker(newClient(t, holder), lockdgocron.LockerOptions{Prefix: "cron."})
		scheduler(t, "shared", func() {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			if l := locker.Lease("shared"); l != nil && l.Token > 0 && l.Remaining() > 0 && l.Name == "cron.shared" {
				withToken.Add(1)
			}
			select {
			case <-refused: // another scheduler was refused in the meantime
			case <-t.Context().Done():
			}
			running.Add(-1)
			runs.Add(1)
		}, gocron.WithDistributedLocker(refusing{locker, refused}))
	}
	until(t, "some runs", func() bool { return runs.Load() >= 20 })
	if most.Load() != 1 || withToken.Load() < 20 {
		t.Errorf("%d ran at once; %d of %d had a valid token", most.Load(), withToken.Load(), runs.Load())
	}
}

func TestAShortJobIsNotRunAgainWithinAtLeast(t *testing.T) {
	opts := lockdgocron.LockerOptions{AtLeast: 30 * time.Second}
	one, two := lockdgocron.NewLocker(newClient(t, "one"), opts), lockdgocron.NewLocker(newClient(t, "two"), opts)
	l, err := one.Lock(t.Context(), "short")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.Lock(t.Context(), "short"); !errors.Is(err, lockd.ErrHeld) {
		t.Errorf("while it runs: %v", err)
	}
	if err := l.Unlock(t.Context()); err != nil || one.Lease("short") != nil {
		t.Fatal(err)
	}
	var refused *lockd.Error
	if _, err := two.Lock(t.Context(), "short"); !errors.As(err, &refused) || refused.Type != lockd.TypeDelayed {
		t.Errorf("after it ran: %v", err)
	}
}

func TestJobsThatNobodyNamedHaveLeasesOfTheirOwn(t *testing.T) {
	c := newClient(t, "one")
	locker := lockdgocron.NewLocker(c, lockdgocron.LockerOptions{Prefix: "own."})
	names := make(map[string]string)
	for _, key := range []string{"job", "a/b.func1", "a(b).func1", "(*T).Run-fm", "", "-", strings.Repeat("x", 300), strings.Repeat("x", 301), "日本"} {
		l, err := locker.Lock(t.Context(), key)
		if err != nil {
			t.Fatalf("%q: %v", key, err)
		}
		name := locker.Lease(key).Name
		if other, taken := names[name]; taken {
			t.Errorf("%q and %q are both %s", key, other, name)
		}
		names[name] = key
		if err := l.Unlock(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestOnlyTheLeaderRunsJobsAndTheNextTakesOver(t *testing.T) {
	type member struct {
		*lockdgocron.Elector
		runs atomic.Int32
		stop context.CancelFunc
	}
	var members []*member
	for _, holder := range []string{"one", "two"} {
		m := &member{Elector: lockdgocron.NewElector(newClient(t, holder), "scheduler", lockd.AcquireOptions{})}
		ctx, stop := context.WithCancel(t.Context())
		m.stop = stop
		go m.Run(ctx)
		scheduler(t, holder, func() { m.runs.Add(1) }, gocron.WithDistributedElector(m))
		members = append(members, m)
		until(t, "the first to lead", func() bool { return members[0].IsLeader(t.Context()) == nil })
	}
	one, two := members[0], members[1]
	until(t, "the leader to run", func() bool { return one.runs.Load() >= 5 })
	if two.runs.Load() != 0 || two.Lease() != nil || !errors.Is(two.IsLeader(t.Context()), lockdgocron.ErrNotLeading) {
		t.Errorf("the standby ran %d times", two.runs.Load())
	}
	token := one.Lease().Token
	one.stop()
	until(t, "the second to run", func() bool { return two.runs.Load() >= 5 })
	if one.IsLeader(t.Context()) == nil || two.Lease().Token <= token {
		t.Errorf("the new token %d is not above %d, or the first still leads", two.Lease().Token, token)
	}
}
