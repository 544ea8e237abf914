package fsm

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// trial applies the same commands to a machine and its model.
type trial struct {
	*generator
	model    *model
	stamp    Millis
	token    uint64 // the highest so far
	revision uint64
	events   map[string][]*Event // all of each name
}

// TestMachineAgreesWithItsModel applies random commands. After each, it compares the result,
// the events and all leases with those of the model, and checks every invariant.
func TestMachineAgreesWithItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := New()
		r := &trial{generator: newGenerator(m), model: newModel(), events: make(map[string][]*Event)}
		m.maxLeases = rapid.SampledFrom([]int{3, MaxLeases}).Draw(t, "maxLeases")
		r.model.maxLeases = m.maxLeases
		for range rapid.IntRange(10, 80).Draw(t, "commands") {
			r.step(t)
		}
	})
}

func (r *trial) step(t *rapid.T) {
	c := r.any(t)
	r.stamp += Millis(rapid.IntRange(-10, 3_000).Draw(t, "passed"))
	r.model.now = max(r.model.now, r.stamp)
	entry := &Entry{Version: EntryVersion, Term: 2, Stamp: r.stamp, Commands: []Command{c}}
	r.model.revision = r.revision
	live := false
	if e, ok := c.(*Expire); ok {
		live = r.isLive(e)
		if rapid.IntRange(0, 9).Draw(t, "old term") == 0 {
			entry.Term, live = 1, false
		}
	}
	want := r.model.apply(c, live)
	out := r.m.Apply(2, entry)
	r.recordTimers(out.Timers)
	r.answered(t, c, want, out.Results[0])
	r.checkEvents(t, c, out)
	r.compare(t)
	r.model.learn(r.m)
	if broken := invariants(r.m, r.live); broken != "" {
		t.Fatalf("after %T%+v: %s", c, c, broken)
	}
	r.revision = out.Revision
	r.sent = append(r.sent, out.Revision)
}

// answered compares an answer with the model's.
func (r *trial) answered(t *rapid.T, c Command, want modelAnswer, got Result) {
	if got.Code != want.code || got.Queued != want.queued ||
		got.Position != want.position || got.WasHeld != want.wasHeld {
		t.Fatalf("%T%+v\n got %+v\nwant %+v", c, c, got, want)
	}
	if c, ok := c.(*Release); ok && c.Token != 0 && got.Previous.End != want.before {
		t.Fatalf("%+v\n got %+v\nwant the end %v", c, got, want.before)
	}
	if want.hold != nil && (got.Hold == nil || got.Hold.Session != want.hold.session || got.Hold.Slot != want.hold.slot) {
		t.Fatalf("%T%+v\n got %+v\nwant the hold of %s", c, c, got, want.hold.session)
	}
	var holds []string
	for _, h := range got.Holds {
		holds = append(holds, h.Name)
	}
	var blocked []string
	for _, l := range got.Blocked {
		blocked = append(blocked, l.Name)
	}
	if !slices.Equal(blocked, want.blocked) {
		t.Fatalf("%T%+v\n blocked by %v\nwant %v", c, c, blocked, want.blocked)
	}
	if !slices.Equal(holds, want.holds) || !slices.Equal(got.QueuesLeft, want.queuesLeft) {
		t.Fatalf("%T%+v\n got %v %v\nwant %v %v", c, c, holds, got.QueuesLeft, want.holds, want.queuesLeft)
	}
	if got.Revision != r.m.Revision() {
		t.Fatalf("an answer as of %d at %d", got.Revision, r.m.Revision())
	}
}

// checkEvents compares the events with those of the model, and checks their revisions.
func (r *trial) checkEvents(t *rapid.T, c Command, out *Applied) {
	var events []modelEvent
	last := r.revision
	for _, e := range out.Events {
		wanted := e.Requested()
		events = append(events, modelEvent{e.Type, e.Name, e.Holder, e.Cause, e.Held, e.Vacancy, e.Meta, wanted.To, wanted.Within})
		if e.Revision <= last || e.Revision > out.Revision {
			t.Fatalf("event %+v after revision %d, up to %d", e, last, out.Revision)
		}
		last = e.Revision
		r.events[e.Name] = append(r.events[e.Name], e)
		if e.Type == EventAcquired {
			if e.Token != e.Revision || e.Token <= r.token || e.Token > MaxSafeInteger {
				t.Fatalf("token %d at revision %d, after token %d", e.Token, e.Revision, r.token)
			}
			r.token = e.Token
		}
	}
	if !reflect.DeepEqual(events, r.model.events) {
		t.Fatalf("%T%+v: events (-want +got)\n%s", c, c, cmp.Diff(r.model.events, events, cmp.AllowUnexported(modelEvent{})))
	}
	if len(events) > 0 && out.Revision == r.revision || out.Revision < r.revision {
		t.Fatalf("revision %d after %d", out.Revision, r.revision)
	}
}

// compare compares every lease with that of the model.
func (r *trial) compare(t *rapid.T) {
	r.model.learn(r.m)
	for name, l := range r.model.leases {
		if diff := cmp.Diff(l.lines(), realLines(r.m.Lease(name))); diff != "" {
			t.Fatalf("lease %s (-want +got)\n%s", name, diff)
		}
		newest := r.events[name]
		newest = newest[max(0, len(newest)-MaxNameEvents):]
		if diff := cmp.Diff(newest, r.m.Lease(name).Events(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the newest events of %s (-want +got)\n%s", name, diff)
		}
	}
}

// lines returns the fields of a lease in the model.
func (l *modelLease) lines() []string {
	p := l.previous
	out := []string{fmt.Sprint("previous ", p.holder, p.session, p.token, p.end, p.to, p.at, " of ", l.grants)}
	if l.active() {
		out = append(out, fmt.Sprint("limit ", l.limit))
	}
	for _, h := range l.holds {
		out = append(out, fmt.Sprintf("hold %s %s %d %d %d %d %s %v %d %v %+v",
			h.session, h.holder, h.token, h.slot, h.ttl, h.delay, h.meta, h.attemptID, h.granted, h.broken, h.stepDown))
	}
	for _, h := range l.cooldowns {
		out = append(out, fmt.Sprintf("cooldown %d %s %d %s", h.slot, h.holder, h.token, h.cause))
	}
	for _, t := range l.queue {
		out = append(out, fmt.Sprintf("ticket %d %s %s %d %d %d %s %v %v %v",
			t.id, t.session, t.holder, t.ttl, t.delay, t.priority, t.meta, t.attemptID, t.anonymous, t.waitEnded))
	}
	return out
}

// realLines returns the same fields of a lease in the machine.
func realLines(l *Lease) []string {
	p := l.History.Previous()
	out := []string{fmt.Sprint("previous ", p.Holder, p.Session, p.Token, p.End, p.To, p.At, " of ", l.History.Transitions)}
	if l.Active() {
		out = append(out, fmt.Sprint("limit ", l.Limit))
	}
	for _, h := range l.Holds {
		out = append(out, fmt.Sprintf("hold %s %s %d %d %d %d %s %v %d %v %+v",
			h.Session, h.Holder, h.Token, h.Slot, h.TTL, h.Delay, h.Meta, h.AttemptID, h.Granted, h.Break != nil, h.StepDown))
	}
	for _, c := range l.Cooldowns {
		out = append(out, fmt.Sprintf("cooldown %d %s %d %s", c.Slot, c.Holder, c.Token, c.Cause))
	}
	for _, t := range l.Queue {
		out = append(out, fmt.Sprintf("ticket %d %s %s %d %d %d %s %v %v %v",
			t.ID, t.Session, t.Holder, t.TTL, t.Delay, t.Priority, t.Meta, t.AttemptID, t.Anonymous, t.WaitEnded))
	}
	return out
}
