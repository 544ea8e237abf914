package watch

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/lockd/lockd/internal/fsm"
)

func event(revision uint64, name string) *fsm.Event {
	return &fsm.Event{Revision: revision, Type: fsm.EventAcquired, Name: name}
}

// publish publishes an event for each revision in a range.
func publish(h *Hub, name string, from, to uint64) {
	for r := from; r <= to; r++ {
		h.Publish([]*fsm.Event{event(r, name)}, r)
	}
}

func anyEvent(*fsm.Event) bool { return true }

func named(name string) func(*fsm.Event) bool {
	return func(e *fsm.Event) bool { return e.Name == name }
}

func revisions(events []*fsm.Event) []uint64 {
	var all []uint64
	for _, e := range events {
		all = append(all, e.Revision)
	}
	return all
}

// wantNext checks the result of Next, which must not wait.
func wantNext(t *testing.T, h *Hub, after uint64, match func(*fsm.Event) bool, most int, upTo uint64, want ...uint64) {
	t.Helper()
	events, got, err := h.Next(t.Context(), after, match, most)
	if err != nil || !slices.Equal(revisions(events), want) || got != upTo {
		t.Errorf("after %d: %v up to %d, %v; want %v up to %d", after, revisions(events), got, err, want, upTo)
	}
}

// ended returns a context that has ended, so that Next does not wait for events.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestEventsComeInOrderAndOnce(t *testing.T) {
	h := New(1, 0)
	publish(h, "a", 1, 3)
	h.Publish(nil, 7) // changes without an event
	h.Publish([]*fsm.Event{event(8, "b"), event(10, "a")}, 10)
	wantNext(t, h, 0, anyEvent, 100, 10, 1, 2, 3, 8, 10)
	wantNext(t, h, 2, anyEvent, 100, 10, 3, 8, 10)
	wantNext(t, h, 5, anyEvent, 100, 10, 8, 10)
	wantNext(t, h, 0, anyEvent, 2, 2, 1, 2)
	wantNext(t, h, 2, anyEvent, 2, 8, 3, 8)
	wantNext(t, h, 0, named("b"), 100, 10, 8)
	wantNext(t, h, 0, named("b"), 1, 8, 8)
	if h.Revision() != 10 {
		t.Errorf("revision %d, want 10", h.Revision())
	}
}

// TestWatcherWithoutMatchesAdvances: the revision of a watcher advances even if no event matches, so that it does not
// fall behind.
func TestWatcherWithoutMatchesAdvances(t *testing.T) {
	h := New(1, 0)
	publish(h, "other", 1, 3*maxScan+5)
	h.Publish(nil, 3*maxScan+9)
	events, upTo, err := h.Next(ended(t), 0, named("a"), 10)
	if len(events) > 0 || upTo != 3*maxScan+9 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d events up to %d, %v", len(events), upTo, err)
	}
	h.Publish([]*fsm.Event{event(3*maxScan+10, "a")}, 3*maxScan+10)
	wantNext(t, h, 0, named("a"), 10, 3*maxScan+10, 3*maxScan+10)
}

func TestFullScanReturnsItsLastRevision(t *testing.T) {
	h := New(1, 0)
	publish(h, "other", 1, maxScan)
	if _, upTo, err := h.Next(ended(t), 0, named("a"), 10); upTo != maxScan || !errors.Is(err, context.Canceled) {
		t.Errorf("up to %d, %v; want %d", upTo, err, maxScan)
	}
	publish(h, "other", maxScan+1, 2*maxScan+1)
	events, upTo, err := h.Next(t.Context(), 0, anyEvent, 2*maxScan+1)
	if err != nil || len(events) != maxScan || upTo != maxScan {
		t.Errorf("%d events up to %d, %v; want maxScan events", len(events), upTo, err)
	}
}

func TestNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(1, 0)
		publish(h, "a", 1, 3)
		for _, test := range []struct {
			after, want uint64
			match       func(*fsm.Event) bool
		}{
			{3, 4, anyEvent},
			{3, 6, named("b")},
			{5, 6, anyEvent}, // ahead of this node
			{fsm.MaxSafeInteger, 0, anyEvent},
		} {
			go func() {
				events, _, err := h.Next(t.Context(), test.after, test.match, 1)
				switch {
				case test.want == 0 && err == nil:
					t.Errorf("after %d: got %v, want an error", test.after, revisions(events))
				case test.want != 0 && (err != nil || !slices.Equal(revisions(events), []uint64{test.want})):
					t.Errorf("after %d: %v, %v; want %d", test.after, revisions(events), err, test.want)
				}
			}()
		}
		for r := uint64(4); r <= 6; r++ {
			synctest.Wait()
			name := "a"
			if r == 6 {
				name = "b"
			}
			publish(h, name, r, r)
		}
		synctest.Wait()
	})
}

func TestNextWaitsForRevisionFarAhead(t *testing.T) {
	h := New(1, 0)
	publish(h, "a", 1, 3)
	for _, after := range []uint64{4, fsm.MaxSafeInteger, ^uint64(0)} {
		events, upTo, err := h.Next(ended(t), after, anyEvent, 10)
		if len(events) > 0 || upTo != after || !errors.Is(err, context.Canceled) {
			t.Errorf("after %d: %v up to %d, %v", after, revisions(events), upTo, err)
		}
	}
}

func wantGone(t *testing.T, h *Hub, after, oldest, current uint64) {
	t.Helper()
	events, _, err := h.Next(ended(t), after, anyEvent, 10)
	gone, ok := errors.AsType[*fsm.Gone](err)
	if !ok || len(events) > 0 || gone.Oldest != oldest || gone.Current != current {
		t.Errorf("after %d: %v, %v; want gone, oldest %d, current %d", after, revisions(events), err, oldest, current)
	}
}

func TestDroppedEventsAreReportedAsGone(t *testing.T) {
	const more = 10
	h := New(1, 0)
	publish(h, "a", 1, fsm.MaxHistoryEvents+more)
	current := uint64(fsm.MaxHistoryEvents + more)
	wantGone(t, h, 0, more, current)
	wantGone(t, h, more-1, more, current)
	wantNext(t, h, more, anyEvent, 2, more+2, more+1, more+2)
	wantNext(t, h, current-1, anyEvent, 10, current, current)
	if kept := len(h.kept) - h.head; kept != fsm.MaxHistoryEvents {
		t.Errorf("%d events are kept, want %d", kept, fsm.MaxHistoryEvents)
	}
}

func TestTheRingIsBoundedByBytes(t *testing.T) {
	h := New(1, 0)
	big := &fsm.Event{Name: "a", Meta: strings.Repeat("m", fsm.MaxMetaBytes)}
	for r := uint64(1); r <= 20_000; r++ {
		e := *big
		e.Revision = r
		h.Publish([]*fsm.Event{&e}, r)
	}
	kept := uint64(fsm.MaxHistoryBytes / big.Size())
	wantGone(t, h, 0, 20_000-kept, 20_000)
	wantNext(t, h, 20_000-kept, anyEvent, 1, 20_000-kept+1, 20_000-kept+1)
	if len(h.kept) > 2*int(kept)+1 {
		t.Errorf("the ring has length %d for %d events", len(h.kept), kept)
	}
}

func TestResetContinuesFromSnapshot(t *testing.T) {
	h := New(1, 0)
	publish(h, "a", 1, 5)
	h.Reset([]*fsm.Event{event(40, "a"), event(44, "a")}, 30, 50)
	wantGone(t, h, 5, 30, 50)
	wantGone(t, h, 29, 30, 50)
	wantNext(t, h, 30, anyEvent, 10, 50, 40, 44)
	publish(h, "a", 51, 51)
	wantNext(t, h, 44, anyEvent, 10, 51, 51)
	// A recovered cluster has no events.
	h.Reset(nil, 90, 90)
	wantGone(t, h, 51, 90, 90)
	publish(h, "a", 91, 91)
	wantNext(t, h, 90, anyEvent, 10, 91, 91)
}

func TestResetWakesWaitingReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(1, 0)
		publish(h, "a", 1, 5)
		go func() {
			_, _, err := h.Next(t.Context(), 5, anyEvent, 10)
			if gone, ok := errors.AsType[*fsm.Gone](err); !ok || gone.Oldest != 30 {
				t.Errorf("%v, want gone", err)
			}
		}()
		synctest.Wait()
		h.Reset(nil, 30, 30)
		synctest.Wait()
	})
}

func TestJoinIsBounded(t *testing.T) {
	h := New(2, 0)
	first, err := h.Join()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Join(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Join(); !errors.Is(err, fsm.ErrOverloaded) || h.Watchers() != 2 {
		t.Errorf("the third of two watchers: %v, %d watchers", err, h.Watchers())
	}
	first()
	first() // has no effect
	if h.Watchers() != 1 {
		t.Errorf("%d watchers, want 1", h.Watchers())
	}
	if _, err := h.Join(); err != nil {
		t.Errorf("after one watcher was removed: %v", err)
	}
}

// TestSlowReaderDoesNotBlockPublish: a reader whose match function blocks does not block Publish or other readers.
func TestSlowReaderDoesNotBlockPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(1, 0)
		publish(h, "a", 1, 1)
		release := make(chan struct{})
		go func() {
			_, _, _ = h.Next(t.Context(), 0, func(*fsm.Event) bool { <-release; return true }, 10)
		}()
		synctest.Wait()
		publish(h, "a", 2, 1_000)
		wantNext(t, h, 998, anyEvent, 10, 1_000, 999, 1_000)
		close(release)
	})
}

// TestReturnedEventsAreKeptWhenRingDropsThem: a reader keeps its events while the ring drops them, with the head of the
// ring at different positions of its array.
func TestReturnedEventsAreKeptWhenRingDropsThem(t *testing.T) {
	for _, oldest := range []uint64{10, 5_000, 20_000, 40_000} {
		synctest.Test(t, func(t *testing.T) {
			h := New(1, 0)
			publish(h, "a", 1, fsm.MaxHistoryEvents+oldest)
			release := make(chan struct{})
			go func() {
				events, _, err := h.Next(t.Context(), oldest, func(e *fsm.Event) bool { <-release; return e != nil }, 100)
				if err != nil || len(events) != 100 || events[99].Revision != oldest+100 {
					t.Errorf("%d events, %v", len(events), err)
				}
			}()
			synctest.Wait()
			publish(h, "a", fsm.MaxHistoryEvents+oldest+1, fsm.MaxHistoryEvents+oldest+1_000)
			close(release)
			synctest.Wait()
		})
	}
}

// TestManyReadersMissNoEvents: many readers with different batch sizes get all events that match, in order and once.
func TestManyReadersMissNoEvents(t *testing.T) {
	const last = 20_000
	h := New(1, 0)
	names := []string{"a", "b", "c"}
	var readers sync.WaitGroup
	for i := range 16 {
		match, each := anyEvent, uint64(1)
		if i%2 == 1 {
			match, each = named("a"), uint64(len(names))
		}
		readers.Go(func() {
			want := uint64(1)
			if each > 1 {
				want = each
			}
			for after := uint64(0); after < last-each; {
				events, upTo, err := h.Next(t.Context(), after, match, 1+i*7)
				if err != nil {
					t.Errorf("reader %d: %v", i, err)
					return
				}
				for _, e := range events {
					if e.Revision != want {
						t.Errorf("reader %d: %d, want %d", i, e.Revision, want)
						return
					}
					want += each
				}
				after = upTo
			}
		})
	}
	for r := uint64(1); r <= last; r++ {
		h.Publish([]*fsm.Event{event(r, names[r%uint64(len(names))])}, r)
	}
	readers.Wait()
}

// TestHubAgreesWithItsModel compares the hub with a model: a list of all events, and the newest dropped revision.
func TestHubAgreesWithItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := New(1, 0)
		var all []*fsm.Event
		var revision, dropped uint64
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				var events []*fsm.Event
				for range rapid.IntRange(0, 5).Draw(t, "events") {
					revision += rapid.Uint64Range(1, 3).Draw(t, "step")
					events = append(events, event(revision, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name")))
				}
				revision += rapid.Uint64Range(0, 2).Draw(t, "without event")
				all = append(all, events...)
				h.Publish(events, revision)
			},
			"reset": func(t *rapid.T) {
				keep := rapid.IntRange(0, len(all)).Draw(t, "keep")
				if keep < len(all) {
					dropped = all[len(all)-keep-1].Revision
				}
				all = slices.Clone(all[len(all)-keep:])
				h.Reset(slices.Clone(all), dropped, revision)
			},
			"next": func(t *rapid.T) {
				after := rapid.Uint64Range(0, revision+3).Draw(t, "after")
				most := rapid.IntRange(1, 6).Draw(t, "most")
				match := rapid.SampledFrom([]func(*fsm.Event) bool{anyEvent, named("a")}).Draw(t, "match")
				ctx, cancel := context.WithCancel(context.Background())
				cancel()
				events, upTo, err := h.Next(ctx, after, match, most)
				if gone, ok := errors.AsType[*fsm.Gone](err); ok != (after < dropped) || ok && gone.Oldest != dropped {
					t.Fatalf("after %d: %v; dropped up to %d", after, err, dropped)
				} else if ok {
					return
				}
				var want []*fsm.Event
				for _, e := range all {
					if e.Revision > after && match(e) && len(want) < most {
						want = append(want, e)
					}
				}
				if !slices.Equal(events, want) {
					t.Fatalf("after %d: %v, want %v", after, revisions(events), revisions(want))
				}
				rest := slices.ContainsFunc(all, func(e *fsm.Event) bool {
					return e.Revision > after && e.Revision <= upTo && match(e) && !slices.Contains(events, e)
				})
				if rest || upTo < after {
					t.Fatalf("after %d up to %d: an event is missing", after, upTo)
				}
			},
		})
	})
}

func BenchmarkPublish(b *testing.B) {
	h := New(1, 0)
	r := uint64(0)
	for b.Loop() {
		r++
		h.Publish([]*fsm.Event{event(r, "a")}, r)
	}
}
