package board

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/lockdtest"
)

const patience = time.Minute

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// held returns the state of a lease with one holder.
func held(name string, token uint64, left lockd.Millis) lockd.State {
	return lockd.State{Name: name, State: "held", Holder: "w", Token: token, HolderCount: 1,
		Holders: []lockd.HolderState{{Holder: "w", Token: token, FreeIn: &left}}}
}

func names(v View) (all []string) {
	for _, s := range v.Leases {
		all = append(all, s.Name)
	}
	return all
}

// A page of a listing can be older than the events that were applied.
func TestAnOldPageChangesNothing(t *testing.T) {
	b := New(time.Now)
	b.put(10, held("ends", 3, 1000), held("goes on", 4, 1000))
	b.apply(lockd.Event{Revision: 50, Type: lockd.EventReleased, Name: "ends", Holder: "w", Token: 3})
	b.apply(lockd.Event{Revision: 51, Type: lockd.EventReleased, Name: "goes on", Holder: "w", Token: 4})
	b.apply(lockd.Event{Revision: 52, Type: lockd.EventAcquired, Name: "goes on", Holder: "v", Token: 52})
	b.put(45, held("ends", 3, 1000), held("goes on", 4, 1000))
	v := b.View("", ByName, 0, 10)
	if got := names(v); !slices.Equal(got, []string{"goes on"}) || v.Leases[0].Holders[0].Token != 52 {
		t.Errorf("%+v", v.Leases)
	}
	b.put(60, held("ends", 55, 1000))
	b.apply(lockd.Event{Revision: 55, Type: lockd.EventReleased, Name: "ends", Holder: "w", Token: 55}) // before the page
	if got := names(b.View("", ByName, 0, 10)); !slices.Equal(got, []string{"ends", "goes on"}) {
		t.Errorf("%v", got)
	}
}

func TestBoardIsBounded(t *testing.T) {
	b := New(time.Now)
	large, _ := json.Marshal(map[string]string{"url": "u", "text": strings.Repeat("x", 4000)})
	for i := range MaxLeases + 1000 {
		s := held(fmt.Sprint(i), uint64(i+1), 1000)
		if i == 0 {
			s.Holders[0].Meta, s.Queue = large, make([]lockd.Waiter, 100)
			s.Holders = slices.Repeat(s.Holders, 100)
		}
		b.put(1, s)
	}
	b.apply(lockd.Event{Revision: 2, Type: lockd.EventAcquired, Name: "one more", Holder: "w", Token: 2})
	v := b.View("", ByName, 0, 1)
	if v.Matching != MaxLeases || !v.Full || len(b.changed) > MaxLeases {
		t.Errorf("%d leases, full: %t, %d to read", v.Matching, v.Full, len(b.changed))
	}
	if s := v.Leases[0]; len(s.Holders) != maxHolders || len(s.Holders[0].Meta) > 20 || s.Queue != nil {
		t.Errorf("%d holders, meta %s, queue %v", len(s.Holders), s.Holders[0].Meta, s.Queue)
	}
}

func TestLeasesAreSortedAndFiltered(t *testing.T) {
	now := time.Unix(1000, 0)
	b := New(func() time.Time { return now })
	b.put(1, held("a.long", 1, 90_000))
	now = now.Add(time.Second)
	short := held("b.short", 2, 5_000)
	short.QueueLength = 3
	b.put(2, short, held("c.middle", 3, 30_000))
	for by, want := range map[Key]string{
		ByName: "a.long b.short c.middle", ByAge: "a.long b.short c.middle", ByLeft: "b.short c.middle a.long", ByWaiters: "b.short a.long c.middle",
	} {
		if got := strings.Join(names(b.View("", by, 0, 10)), " "); got != want {
			t.Errorf("by %s: %s", by, got)
		}
	}
	now = now.Add(2 * time.Second)
	v := b.View("short", ByName, 0, 10)
	if len(v.Leases) != 1 || *v.Leases[0].Holders[0].FreeIn != 3_000 || v.Leases[0].Holders[0].Held != 2_000 || v.Held != 3 || v.Waiting != 3 {
		t.Errorf("%+v", v)
	}
}

func TestFeedFollowsLeasesAndTheirQueues(t *testing.T) {
	server := lockdtest.Start(t)
	c := server.Client(lockd.Config{Holder: "me"})
	first, err := c.Acquire(t.Context(), "before", lockd.AcquireOptions{Meta: map[string]string{"url": "http://x"}})
	if err != nil {
		t.Fatal(err)
	}
	first.KeepAlive()
	f := &Feed{Client: c, Board: New(time.Now)}
	go func() { _ = f.Run(t.Context()) }()
	lease := func(name string) *lockd.State {
		for _, s := range f.Board.View("", ByName, 0, 10).Leases {
			if s.Name == name {
				return &s
			}
		}
		return nil
	}
	until(t, "the listing", func() bool { return lease("before") != nil && f.Loaded() })
	second, err := c.Acquire(t.Context(), "after", lockd.AcquireOptions{TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the whole state of a new lease", func() bool {
		s := lease("after")
		return s != nil && len(s.Holders) == 1 && s.Holders[0].FreeIn != nil && s.Holders[0].TTL == lockd.Millis(time.Hour.Milliseconds())
	})
	go func() {
		_, _ = server.Client(lockd.Config{}).Acquire(t.Context(), "after", lockd.AcquireOptions{Wait: patience})
	}()
	until(t, "the waiter, which causes no event", func() bool { s := lease("after"); return s != nil && s.QueueLength == 1 })
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "the end of a lease", func() bool { return lease("before") == nil })
	if err := second.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "the next holder", func() bool {
		s := lease("after")
		return s != nil && len(s.Holders) == 1 && s.Holders[0].Token > second.Token && s.QueueLength == 0
	})
}
