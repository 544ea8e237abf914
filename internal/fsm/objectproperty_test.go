package fsm

import (
	"bytes"
	"cmp"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/fsm/lease"
)

// TestObjectsAgreeWithTheirLeases applies random commands and checks after each that every document agrees with its
// lease, that the changes lead to the documents, that the counts are right, and that a snapshot restores it all.
func TestObjectsAgreeWithTheirLeases(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := newObjects()
		o.apply(&ChangeAccess{Sender: Sender{access.Caller{Local: true}}, Change: access.Change{Kind: access.SetQuota, Quota: access.Quota{Scope: "k8s/", Bytes: 1 << 30}}})
		followed := make(map[document.Key]*document.Document)
		revision := o.m.Revision()
		for range rapid.IntRange(1, 60).Draw(t, "commands") {
			o.m.now += rapid.SampledFrom([]Millis{0, 900, 6_000}).Draw(t, "pause")
			o.apply(o.draw(t))
			for _, c := range o.last.Changes {
				revision = followChange(t, followed, c, revision)
			}
			o.check(t, followed)
		}
	})
}

func followChange(t *rapid.T, followed map[document.Key]*document.Document, c *document.Change, after uint64) uint64 {
	key := cmp.Or(c.After, c.Before).Key
	if c.Revision <= after || c.After != nil && c.After.Revision != c.Revision {
		t.Fatalf("a change at %d after one at %d", c.Revision, after)
	}
	if before := followed[key]; (before == nil) != (c.Before == nil) || before != nil && before.Revision != c.Before.Revision {
		t.Fatalf("%v: the change is of another version", key)
	}
	if followed[key] = c.After; c.After == nil {
		delete(followed, key)
	}
	return c.Revision
}

func (o *objects) check(t *rapid.T, followed map[document.Key]*document.Document) {
	bytesOf, permanent := 0, 0
	o.m.documents.Scan(func(d *document.Document) bool {
		bytesOf += d.Size()
		if f := followed[d.Key]; f == nil || f.Revision != d.Revision || !f.SameContent(d) {
			t.Fatalf("%v: the changes do not lead to %+v", d.Key, d)
		}
		if d.Kind == document.Lease {
			token, holder := uint64(0), ""
			if l := o.m.Lease(d.Subject); len(l.Holds) > 0 {
				token, holder = l.Holds[0].Token, l.Holds[0].Holder
			}
			if d.Lease.Token != token || token != 0 && d.Lease.Holder != holder {
				t.Fatalf("%v states the hold %d of %q, the lease has %d of %q", d.Key, d.Lease.Token, d.Lease.Holder, token, holder)
			}
		}
		return true
	})
	usage := 0
	o.m.leases.Scan(func(l *Lease) bool {
		usage += l.Size()
		for _, h := range l.Holds {
			if h.TTL == 0 {
				permanent++
			}
		}
		return true
	})
	if len(followed) != o.m.documents.Len() || o.m.documents.Bytes() != bytesOf || o.m.leases.Permanent() != permanent {
		t.Fatalf("%d documents of %d bytes, %d permanent holds: the counts are %d, %d, %d", len(followed), bytesOf, permanent, o.m.documents.Len(), o.m.documents.Bytes(), o.m.leases.Permanent())
	}
	if used := o.m.leases.Used()[0]; used.Bytes != usage+bytesOf {
		t.Fatalf("the quota counts %d bytes, there are %d", used.Bytes, usage+bytesOf)
	}
	var b bytes.Buffer
	if err := o.m.Snapshot().Write(&b); err != nil {
		t.Fatal(err)
	}
	again, err := Restore(&b)
	if err != nil || again.Hash() != o.m.Hash() || again.leases.Used()[0] != o.m.leases.Used()[0] {
		t.Fatalf("the snapshot restores another machine: %v", err)
	}
}

// draw draws a command of few leases, candidates and holders.
func (o *objects) draw(t *rapid.T) Command {
	name := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "lease")
	holder := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "holder")
	subject := document.LeaseName("default", name)
	switch rapid.IntRange(0, 8).Draw(t, "kind") {
	case 0, 1:
		return o.drawPut(t, leaseObject(name, holder, rapid.SampledFrom([]int64{0, 5, 15}).Draw(t, "seconds")))
	case 2, 3:
		d := candidateObject(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "candidate"), "x", rapid.SampledFrom([]string{"1.36.0", "1.35.0"}).Draw(t, "version"))
		d.Candidate.Renewed = document.Some(int64(o.m.now))
		return o.drawPut(t, d)
	case 4:
		return &Acquire{Name: subject, Holder: "curl", Session: "session-0000000" + name, TTL: 15_000, Limit: 1, Wait: rapid.SampledFrom([]Millis{0, 5_000}).Draw(t, "wait")}
	case 5:
		return &Release{Name: subject, Session: "session-0000000" + name}
	case 6:
		which := leaseObject(name, "", 0)
		if rapid.Bool().Draw(t, "of a candidate") {
			which = candidateObject("a", "x", "1.36.0")
		}
		if d := o.m.documents.Get(which.Key); d != nil {
			which = *d
		}
		return &ChangeObject{Write: document.Write{Object: which, Delete: true, Operator: holder}}
	case 7:
		return &Break{Name: subject, Token: max(1, lastToken(o.m.Lease(subject))), Reason: "r", By: "ops", Grace: rapid.SampledFrom([]Millis{InheritGrace, 0, 5_000}).Draw(t, "grace")}
	}
	var timers []Timer
	o.m.Timers(func(timer Timer) { timers = append(timers, timer) })
	if len(timers) == 0 {
		return &Stamp{}
	}
	return rapid.SampledFrom(timers).Draw(t, "timer").Expire()
}

func lastToken(l *lease.Lease) uint64 {
	if len(l.Holds) > 0 {
		return l.Holds[0].Token
	}
	return 0
}

func (o *objects) drawPut(t *rapid.T, d document.Document) Command {
	w := document.Write{Object: d}
	if old := o.m.documents.Get(d.Key); old != nil && rapid.IntRange(0, 9).Draw(t, "stale") > 0 {
		w.Expect = old.Revision
	}
	o.write++
	w.ID = o.write
	return &ChangeObject{Write: w}
}
