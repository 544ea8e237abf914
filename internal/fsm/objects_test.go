package fsm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/document"
)

// objects drives a machine as clients of the Kubernetes API do.
type objects struct {
	m     *Machine
	write uint64
	last  *Applied
}

func newObjects() *objects {
	o := &objects{m: New()}
	o.apply(&InitCluster{ClusterID: "c1"})
	return o
}

func (o *objects) apply(c Command) Result {
	o.last = o.m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Stamp: o.m.now + 100, Wall: 1_700_000_000_000, Commands: []Command{c}})
	return o.last.Results[0]
}

// put writes an object over the version that is stored.
func (o *objects) put(d document.Document) Result {
	w := document.Write{Object: d}
	if old := o.m.documents.Get(d.Key); old != nil {
		w.Expect = old.Revision
	}
	o.write++
	w.ID = o.write
	return o.apply(&ChangeObject{Write: w})
}

func (o *objects) candidate(name, lease, version string) Result {
	d := candidateObject(name, lease, version)
	d.Candidate.Renewed = document.Some(int64(o.m.now) * 1_000)
	return o.put(d)
}

// expire ends a lease's hold as the leader does.
func (o *objects) expire(name string) Result {
	h := o.m.Lease(name).Holds[0]
	return o.apply(holdTimer(name, h).Expire())
}

func (o *objects) holder(name string) string {
	if d := o.m.documents.LeaseOf("k8s/default/" + name); d != nil {
		return d.Lease.Holder
	}
	return "no document"
}

// changes returns what the last entry changed.
func (o *objects) changes() string {
	var all []string
	for _, c := range o.last.Changes {
		switch {
		case c.After == nil:
			all = append(all, "deleted "+c.Before.Name)
		case c.After.Kind == document.Event:
			all = append(all, c.After.History.Type.String())
		case c.After.Candidate != nil && c.After.Candidate.Ping != (document.Number{}):
			all = append(all, "ping "+c.After.Name)
		case c.After.Lease != nil:
			all = append(all, fmt.Sprintf("%s: %q", c.After.Name, c.After.Lease.Holder))
		default:
			all = append(all, c.After.Name)
		}
	}
	return strings.Join(all, ", ")
}

func TestLeaseObjectHoldsItsLease(t *testing.T) {
	o := newObjects()
	const name = "k8s/default/demo"
	created := o.put(leaseObject("demo", "node-a", 15))
	h := o.m.Lease(name).Holds[0]
	if created.Code != CodeOK || h.Holder != "node-a" || h.TTL != 15_000 || created.Object.Lease.Token != h.Token || created.Object.UID == "" {
		t.Fatalf("created: %+v, %+v", created, h)
	}
	if got := o.changes(); got != `demo: "node-a", acquired` {
		t.Errorf("changes: %s", got)
	}
	if r := o.put(leaseObject("demo", "node-b", 15)); r.Code != CodeHeld || r.Object.Revision != created.Object.Revision || r.Lease == nil {
		t.Errorf("another holder: %+v", r)
	}
	renewal := leaseObject("demo", "node-a", 20)
	renewal.Lease.Renewed = document.Some(5)
	renewed := o.put(renewal)
	if n := o.m.Lease(name).Holds[0]; renewed.Code != CodeOK || n.Token != h.Token || n.Seq != h.Seq+1 || n.TTL != 20_000 || renewed.Object.Revision <= created.Object.Revision {
		t.Errorf("renewed: %+v, %+v", renewed, n)
	}
	same := o.put(renewal)
	if n := o.m.Lease(name).Holds[0]; same.Object.Revision != renewed.Object.Revision || n.Seq != h.Seq+2 || len(o.last.Changes) != 0 {
		t.Errorf("a write that changes nothing: %+v, sequence %d, changes %q", same, n.Seq, o.changes())
	}
	if r := o.expire(name); r.Code != CodeOK || o.holder("demo") != "" || o.changes() != `expired, demo: ""` {
		t.Errorf("expired: %v, holder %q, changes %s", r.Code, o.holder("demo"), o.changes())
	}
	if d := o.m.documents.LeaseOf(name); d.Lease.Renewed != document.Some(5) || d.Lease.Duration != document.Some(20) {
		t.Errorf("the times are not as the client wrote them: %+v", d.Lease)
	}
	if r := o.put(leaseObject("demo", "node-b", 15)); r.Code != CodeOK || o.m.Lease(name).Holds[0].Token <= h.Token {
		t.Errorf("the next holder: %+v", r)
	}
	free := leaseObject("demo", "", 1)
	if r := o.put(free); r.Code != CodeOK || o.m.Lease(name).Active() || o.m.Lease(name).History.Previous().End != EventReleased {
		t.Errorf("released: %+v", r)
	}
}

func TestObjectWritesNeedTheRevision(t *testing.T) {
	o := newObjects()
	made := o.put(leaseObject("demo", "node-a", 15)).Object
	before := o.m.Hash()
	for what, test := range map[string]struct {
		w    document.Write
		want document.Outcome
	}{
		"create again":        {document.Write{Object: leaseObject("demo", "node-a", 15), ID: 9}, document.Exists},
		"another revision":    {document.Write{Object: leaseObject("demo", "node-a", 15), ID: 9, Expect: made.Revision + 1}, document.Conflict},
		"update of nothing":   {document.Write{Object: leaseObject("none", "node-a", 15), ID: 9, Expect: 1}, document.NotFound},
		"delete of nothing":   {document.Write{Object: leaseObject("none", "", 0), Delete: true}, document.NotFound},
		"delete of another":   {document.Write{Object: leaseObject("demo", "", 0), Delete: true}, document.Conflict},
		"delete of a version": {document.Write{Object: *made, Delete: true, Expect: 1}, document.Conflict},
	} {
		r := o.apply(&ChangeObject{Write: test.w})
		o.m.now, o.m.wall = 200, 1_700_000_000_000
		if r.Code != CodeObjectRefused || r.ObjectOutcome != test.want || o.m.Hash() != before {
			t.Errorf("%s: %v, want %v; the state has changed: %v", what, r.ObjectOutcome, test.want, o.m.Hash() != before)
		}
	}
	copied := o.apply(&ChangeObject{Write: document.Write{Object: leaseObject("demo", "node-a", 15), ID: 1}})
	if copied.Code != CodeOK || copied.Object.Revision != made.Revision || len(o.last.Changes) != 0 {
		t.Errorf("a late copy of the creation: %+v", copied)
	}
}

// A process that was cut off releases, over the version of the process that leads since.
func TestReleaseOfAnEarlierHolderIsRefused(t *testing.T) {
	o := newObjects()
	lease := func(holder string, transitions int64) document.Document {
		d := leaseObject("demo", holder, 15)
		d.Lease.Transitions = document.Some(transitions)
		return d
	}
	o.put(lease("node-a", 0))
	o.expire("k8s/default/demo")
	o.put(lease("node-b", 1))
	if r := o.put(lease("", 0)); r.Code != CodeHeld || o.holder("demo") != "node-b" {
		t.Errorf("the release of node-a: %v, the holder is %q", r.Code, o.holder("demo"))
	}
	if r := o.put(lease("", 1)); r.Code != CodeOK || o.holder("demo") != "" {
		t.Errorf("the release of node-b: %v, the holder is %q", r.Code, o.holder("demo"))
	}
}

func TestDeletedLeaseObjectEndsItsHold(t *testing.T) {
	for by, want := range map[string]EventType{"": EventReleased, "ops": EventBroken} {
		o := newObjects()
		d := o.put(leaseObject("demo", "node-a", 15)).Object
		r := o.apply(&ChangeObject{Write: document.Write{Object: *d, Delete: true, Operator: by}})
		if p := o.m.Lease(d.Subject).History.Previous(); r.Code != CodeOK || p.End != want || o.m.documents.Get(d.Key) != nil {
			t.Errorf("deleted by %q: %v, the hold has ended as %v", by, r.Code, p.End)
		}
		if got := o.changes(); !strings.HasPrefix(got, want.String()) || !strings.HasSuffix(got, "deleted demo") {
			t.Errorf("deleted by %q: changes %s", by, got)
		}
		if n := o.put(leaseObject("demo", "node-b", 15)); n.Object == nil || n.Object.UID == d.UID {
			t.Errorf("the next one: %+v", n)
		}
	}
}

func TestHoldWithoutTTLHasNoTimer(t *testing.T) {
	o := newObjects()
	d := o.put(leaseObject("forever", "node-a", 0)).Object
	timers := func() (all []Timer) {
		o.m.Timers(func(timer Timer) { all = append(all, timer) })
		return all
	}
	if o.m.leases.Permanent() != 1 || len(timers()) != 0 {
		t.Fatalf("%d permanent holds, timers %+v", o.m.leases.Permanent(), timers())
	}
	o.put(leaseObject("forever", "node-a", 15))
	if o.m.leases.Permanent() != 0 || len(timers()) != 1 {
		t.Errorf("with a TTL again: %d permanent holds, timers %+v", o.m.leases.Permanent(), timers())
	}
	o.put(leaseObject("forever", "node-a", 0))
	if !slices.ContainsFunc(o.last.Timers, func(timer Timer) bool { return timer.Kind == TimerHold && timer.Clear }) {
		t.Errorf("the deadline stays: %+v", o.last.Timers)
	}
	r := o.apply(&Break{Name: d.Subject, Token: d.Lease.Token, Reason: "stuck", By: "ops", Grace: InheritGrace})
	if r.Code != CodeOK || o.m.Lease(d.Subject).Active() || o.holder("forever") != "" {
		t.Errorf("broken: %+v, holder %q", r, o.holder("forever"))
	}
}

// A label or an annotation, which any client can write, does not keep alive the hold of a holder that has ended. Nor is it
// refused because another one holds the lease.
func TestWriteOfTheMetadataIsNoRenewal(t *testing.T) {
	o := newObjects()
	made := o.put(leaseObject("demo", "node-a", 15)).Object
	h := o.m.Lease(made.Subject).Holds[0]
	labelled := leaseObject("demo", "node-a", 15)
	labelled.Body = `{"metadata":{"labels":{"a":"b"}}}`
	r := o.put(labelled)
	if n := o.m.Lease(made.Subject).Holds[0]; r.Code != CodeOK || r.Object.Revision == made.Revision || r.Object.Lease.Token != h.Token || *n != *h {
		t.Errorf("%v: the hold was %+v and is %+v", r.Code, h, n)
	}
	labelled.Lease.Renewed = document.Some(5)
	labelled.Body = `{"metadata":{"labels":{"a":"c"}}}`
	if o.put(labelled); o.m.Lease(made.Subject).Holds[0].Seq != h.Seq+1 {
		t.Error("a renewal that changes a label does not renew")
	}
	o.put(leaseObject("shown", "", 0))
	o.apply(&Acquire{Name: "k8s/default/shown", Holder: "curl", Session: "session-00000001", TTL: 15_000, Limit: 1})
	d := *o.m.documents.LeaseOf("k8s/default/shown")
	d.Body = labelled.Body
	if r := o.put(d); r.Code != CodeOK || r.Object.Lease.Holder != "curl" {
		t.Errorf("a label of a Lease that a session holds: %+v", r)
	}
}

// Nothing that a machine stores is too long for what reads its log and its snapshots.
func TestWritesThatCouldNotBeReadAreInvalid(t *testing.T) {
	long := strings.Repeat("x", 900)
	lease, candidate := leaseObject("demo", "", 0), candidateObject("a", "ctl", "1.36.0")
	for what, d := range map[string]document.Document{
		"strategy":  func() document.Document { d, s := lease, *lease.Lease; s.Strategy = long; d.Lease = &s; return d }(),
		"preferred": func() document.Document { d, s := lease, *lease.Lease; s.Preferred = long; d.Lease = &s; return d }(),
		"holder":    func() document.Document { d, s := lease, *lease.Lease; s.Holder = long; d.Lease = &s; return d }(),
		"binary":    candidateObject("a", "ctl", long),
		"emulation": func() document.Document {
			d, s := candidate, *candidate.Candidate
			s.Emulation = long
			d.Candidate = &s
			return d
		}(),
		"candidate name": candidateObject(long[:MaxHolderChars+1], "ctl", "1.36.0"),
	} {
		if (&ChangeObject{Write: document.Write{Object: d, ID: 1}}).Validate() == nil {
			t.Errorf("%s of %d bytes is valid", what, len(long))
		}
	}
}

func TestObjectKeepsItsSubject(t *testing.T) {
	o := newObjects()
	event := document.Document{Key: document.Key{Kind: document.Event, Namespace: "default", Name: "e"}, Subject: "k8s/default/secret", Body: "{}"}
	o.put(event)
	event.Subject = "k8s/default/web"
	if r := o.put(event); r.ObjectOutcome != document.Conflict {
		t.Errorf("an event that is about another lease now: %+v", r)
	}
}

// The limit of holds without a TTL is one for new ones.
func TestHoldWithoutTTLIsRenewedAtTheLimit(t *testing.T) {
	o := newObjects()
	for i := range document.MaxPermanent {
		o.put(leaseObject(fmt.Sprint("l", i), "node-a", 0))
	}
	if r := o.put(leaseObject("more", "node-a", 0)); r.Code != CodeTooManyLeases {
		t.Errorf("one more: %v", r.Code)
	}
	renewal := leaseObject("l7", "node-a", 0)
	renewal.Lease.Renewed = document.Some(1)
	if r := o.put(renewal); r.Code != CodeOK {
		t.Errorf("the renewal of one: %v", r.Code)
	}
}

// A hold that lockd's own API acquired is shown by the Lease, and no Lease can end it.
func TestLeaseObjectShowsTheHoldOfASession(t *testing.T) {
	o := newObjects()
	o.put(leaseObject("demo", "", 0))
	o.apply(&Acquire{Name: "k8s/default/demo", Holder: "curl", Session: "session-00000001", TTL: 1_500, Limit: 1})
	d := o.m.documents.LeaseOf("k8s/default/demo")
	if d.Lease.Holder != "curl" || d.Lease.Duration != document.Some(2) || d.Lease.Token == 0 || d.Lease.Transitions != document.Some(1) {
		t.Fatalf("the document has %+v", d.Lease)
	}
	for _, holder := range []string{"", "curl", "node-a"} {
		if r := o.put(leaseObject("demo", holder, 15)); r.Code != CodeHeld {
			t.Errorf("a Lease with the holder %q: %v", holder, r.Code)
		}
	}
	o.apply(&Release{Name: "k8s/default/demo", Session: "session-00000001"})
	if o.holder("demo") != "" {
		t.Errorf("after the release it has the holder %q", o.holder("demo"))
	}
}

func TestLeaseObjectBelongsToItsPrincipal(t *testing.T) {
	o := withPrincipals("a", "b")
	as := o.as
	if r := as("a", document.Write{Object: leaseObject("demo", "x", 15)}); r.Code != CodeOK || o.m.Lease("k8s/default/demo").Holds[0].Principal != "a" {
		t.Fatalf("acquired: %+v", r)
	}
	if r := as("b", document.Write{Object: leaseObject("demo", "x", 15)}); r.Code != CodeHeld {
		t.Errorf("the same holder name of another principal: %v", r.Code)
	}
	if r := as("b", document.Write{Object: leaseObject("demo", "", 1)}); r.Code != CodeHeld {
		t.Errorf("another principal releases: %v", r.Code)
	}
	if r := as("b", document.Write{Object: leaseObject("demo", "", 1), Override: true, Operator: "b"}); r.Code != CodeOK || o.holder("demo") != "" {
		t.Errorf("an operator ends the hold: %v", r.Code)
	}
	if p := o.m.Lease("k8s/default/demo").History.Previous(); p.End != EventBroken {
		t.Errorf("the hold that an operator ended has ended as %v", p.End)
	}
	if r := as("stranger", document.Write{Object: leaseObject("demo", "x", 15)}); r.Code != CodeAccessRefused {
		t.Errorf("a principal without a right: %v", r.Code)
	}
}

// as applies a write of a principal over the version that is stored.
func (o *objects) as(principal string, w document.Write) Result {
	if old := o.m.documents.Get(w.Object.Key); old != nil {
		w.Expect = old.Revision
	}
	o.write++
	w.ID = o.write
	return o.apply(&ChangeObject{Sender: Sender{access.Caller{Principal: principal}}, Write: w})
}

// withPrincipals returns objects with authentication enabled, and with principals that have all rights.
func withPrincipals(principals ...string) *objects {
	o := newObjects()
	for _, c := range accessSamples() {
		o.apply(c)
	}
	for _, name := range principals {
		o.setRules(name, access.Rule{Right: access.Acquire, Scope: "k8s/"}, access.Rule{Right: access.Operate, Scope: "k8s/"})
	}
	return o
}

func (o *objects) setRules(principal string, rules ...access.Rule) {
	p := access.Principal{Name: principal, Rules: rules}
	o.apply(&ChangeAccess{Sender: Sender{access.Caller{Local: true}}, Change: access.Change{Kind: access.SetPrincipal, Principal: p}})
}

func TestOldEventsAreDropped(t *testing.T) {
	o := newObjects()
	for i := range document.MaxEvents + 50 {
		o.put(document.Document{
			Key: document.Key{Kind: document.Event, Namespace: "default", Name: fmt.Sprint("e", i)}, Subject: "k8s/default/demo", Body: "{}",
		})
	}
	if n := o.m.documents.Count(document.Event); n != document.MaxEvents {
		t.Errorf("%d events are kept, want %d", n, document.MaxEvents)
	}
	if o.m.documents.Get(document.Key{Kind: document.Event, Namespace: "default", Name: "e49"}) != nil {
		t.Error("an old event is kept")
	}
}

// A member of version 3 knows no objects: a command about them is refused before it is packed, and so is a read.
func TestObjectsNeedMembersOfVersionFour(t *testing.T) {
	if _, err := EncodeCommand(&ChangeObject{Write: document.Write{Object: leaseObject("demo", "node-a", 15), ID: 1}}, 3); !errors.Is(err, ErrNotYet) {
		t.Errorf("a command: %v", err)
	}
	if _, err := EncodeQuery(Query{Kind: QueryObject, Object: leaseObject("demo", "", 0).Key}, 3); !errors.Is(err, ErrNotYet) {
		t.Errorf("a read: %v", err)
	}
	if _, err := EncodeQuery(Query{Kind: QueryLease, Name: "demo"}, 3); err != nil {
		t.Errorf("another read: %v", err)
	}
}
