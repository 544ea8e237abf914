package leader

import (
	"cmp"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lockd/lockd/internal/fsm"
)

// modelLine is one deadline of the model, a simple second implementation of Deadlines without
// a heap.
type modelLine struct {
	timer    fsm.Timer
	at       time.Duration
	set      time.Duration // when it was set or renewed
	gaps     time.Duration // by how much gaps moved it since
	proposed bool
}

func (d *modelLine) ttl() time.Duration { return time.Duration(d.timer.For) * time.Millisecond }

type deadlinesModel struct {
	lines map[timerKey]*modelLine
	last  time.Duration
	began bool
}

func (m *deadlinesModel) apply(now time.Duration, cluster fsm.Millis, t fsm.Timer) {
	k := timerKey{t.Kind, t.ID}
	old := m.lines[k]
	switch {
	case t.Clear:
		delete(m.lines, k)
	case t.Keep && old != nil:
		ttl := old.timer.For
		old.timer, old.proposed = t, false
		old.timer.For = ttl
	default:
		d := &modelLine{timer: t, set: now}
		d.at = now + d.ttl()
		if t.Stamped {
			d.at = now + time.Duration(t.From+t.For-cluster)*time.Millisecond
		}
		m.lines[k] = d
	}
}

func (m *deadlinesModel) renew(now time.Duration, token uint64) bool {
	d := m.lines[timerKey{fsm.TimerHold, token}]
	if d == nil || d.proposed || d.timer.Keep {
		return false
	}
	if at := now + d.ttl(); at > d.at || d.gaps > 0 {
		d.at, d.set, d.gaps = max(d.at, at), now, 0
	}
	return true
}

// due polls and returns what is due, soonest first.
func (m *deadlinesModel) due(now time.Duration) []*modelLine {
	if gap := now - m.last; m.began && gap > 500*time.Millisecond {
		for _, d := range m.lines {
			if by := min(gap, now-d.set, d.ttl()-d.gaps); by > 0 && !d.proposed {
				d.at += by
				d.gaps += by
			}
		}
	}
	m.last, m.began = now, true
	var due []*modelLine
	for _, d := range m.lines {
		if d.at <= now && !d.proposed {
			due = append(due, d)
		}
	}
	return due
}

func (m *deadlinesModel) next() (time.Duration, bool) {
	var at []time.Duration
	for _, d := range m.lines {
		if !d.proposed {
			at = append(at, d.at)
		}
	}
	if len(at) == 0 {
		return 0, false
	}
	return slices.Min(at), true
}

// deadlinesRun applies the same calls to Deadlines and its model.
type deadlinesRun struct {
	deadlines *Deadlines
	model     deadlinesModel
	now       time.Duration
	cluster   fsm.Millis
	next      uint64
}

func (r *deadlinesRun) pass(t *rapid.T, most int) {
	ms := rapid.IntRange(0, most).Draw(t, "ms")
	r.now += time.Duration(ms) * time.Millisecond
	r.cluster += fsm.Millis(ms)
}

func (r *deadlinesRun) known(t *rapid.T) timerKey {
	keys := slices.SortedFunc(maps.Keys(r.model.lines), func(a, b timerKey) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
	})
	if len(keys) == 0 {
		t.Skip("nothing is known")
	}
	return rapid.SampledFrom(keys).Draw(t, "key")
}

func (r *deadlinesRun) apply(t *rapid.T, timer fsm.Timer) {
	k := timerKey{timer.Kind, timer.ID}
	var want []time.Duration
	if d := r.model.lines[k]; timer.Clear && d != nil && d.proposed {
		want = append(want, r.now-d.at)
	}
	late := r.deadlines.Apply(r.now, r.cluster, []fsm.Timer{timer})
	if !slices.Equal(late, want) || len(late) > 0 && late[0] < 0 {
		t.Fatalf("late = %v, want %v", late, want)
	}
	r.model.apply(r.now, r.cluster, timer)
}

func (r *deadlinesRun) arm(t *rapid.T) {
	r.next++
	timer := fsm.Timer{
		Kind: rapid.SampledFrom([]fsm.TimerKind{fsm.TimerHold, fsm.TimerDelay, fsm.TimerTicket}).Draw(t, "kind"),
		ID:   r.next, Seq: 1,
		For:     fsm.Millis(rapid.IntRange(1, 4_000).Draw(t, "for")),
		Stamped: rapid.Bool().Draw(t, "stamped"),
		Keep:    rapid.IntRange(0, 9).Draw(t, "keep") == 0,
	}
	timer.From = r.cluster - fsm.Millis(rapid.IntRange(0, 2_000).Draw(t, "ago"))
	r.apply(t, timer)
}

func (r *deadlinesRun) rearm(t *rapid.T) {
	timer := r.model.lines[r.known(t)].timer
	timer.Seq++
	timer.From = r.cluster
	timer.For = fsm.Millis(rapid.IntRange(1, 4_000).Draw(t, "for"))
	timer.Keep = false
	r.apply(t, timer)
}

func (r *deadlinesRun) keep(t *rapid.T) {
	timer := r.model.lines[r.known(t)].timer
	timer.Seq++
	timer.Keep = true
	r.apply(t, timer)
}

func (r *deadlinesRun) clear(t *rapid.T) {
	k := r.known(t)
	r.apply(t, fsm.Timer{Kind: k.kind, ID: k.id, Clear: true})
}

func (r *deadlinesRun) renew(t *rapid.T) {
	id := rapid.Uint64Range(1, r.next+1).Draw(t, "token")
	at := r.now - time.Duration(rapid.IntRange(0, 300).Draw(t, "arrived"))*time.Millisecond
	_, got := r.deadlines.Renew(at, id)
	if want := r.model.renew(at, id); got != want {
		t.Fatalf("Renew(%d) = %v, want %v", id, got, want)
	}
}

func (r *deadlinesRun) poll(t *rapid.T) {
	most := rapid.IntRange(0, 5).Draw(t, "most")
	want := r.model.due(r.now)
	due, next := r.deadlines.Due(r.now, most)
	if len(due) != min(most, len(want)) {
		t.Fatalf("at %v: %d are due, want %d of %d", r.now, len(due), min(most, len(want)), len(want))
	}
	for _, d := range due {
		line := r.model.lines[timerKey{d.Kind, d.ID}]
		if line == nil || line.at > r.now || line.proposed || line.timer.Seq != d.Seq {
			t.Fatalf("at %v: %+v is due, and must not be: %+v", r.now, d, line)
		}
		line.proposed = true
	}
	switch soonest, ok := r.model.next(); {
	case !ok && next < r.now+time.Minute:
		t.Fatalf("next = %v, want none near", next)
	case ok && max(soonest, r.now) != max(next, r.now):
		t.Fatalf("next = %v, want %v", next, soonest)
	}
}

func (r *deadlinesRun) unmark(t *rapid.T) {
	line := r.model.lines[r.known(t)]
	if !line.proposed {
		t.Skip("not proposed")
	}
	r.deadlines.Unmark(line.timer)
	line.proposed = false
}

func (r *deadlinesRun) check(t *rapid.T) {
	if r.deadlines.Len() != len(r.model.lines) {
		t.Fatalf("%d deadlines, want %d", r.deadlines.Len(), len(r.model.lines))
	}
	for k, d := range r.model.lines {
		left, renewed, ok := r.deadlines.Left(r.now, k.kind, k.id)
		if !ok || left != max(0, d.at-r.now) || renewed != r.now-d.set {
			t.Fatalf("Left(%v) = %v, %v, %v; want %v, %v", k, left, renewed, ok, max(0, d.at-r.now), r.now-d.set)
		}
	}
}

func TestDeadlinesAgreeWithTheirModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &deadlinesRun{deadlines: NewDeadlines(), model: deadlinesModel{lines: make(map[timerKey]*modelLine)}, now: time.Hour, cluster: 10_000}
		t.Repeat(map[string]func(*rapid.T){
			"pass":     func(t *rapid.T) { r.pass(t, 400) },
			"stop":     func(t *rapid.T) { r.pass(t, 5_000) },
			"arm":      r.arm,
			"arm more": r.arm,
			"rearm":    r.rearm,
			"keep":     r.keep,
			"clear":    r.clear,
			"renew":    r.renew,
			"poll":     r.poll,
			"unmark":   r.unmark,
			"":         r.check,
		})
	})
}
