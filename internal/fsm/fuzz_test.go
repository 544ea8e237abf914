package fsm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/lockd/lockd/internal/fsm/lease"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/fsm/wire"
)

// samples are one command of each kind.
func samples() []Command { return slices.Concat(leaseSamples(), accessSamples(), objectSamples()) }

// accessSamples change principals, tokens and the mode in each way. The first and the last command need the right
// admin, or a table without principals.
func accessSamples() []Command {
	by := Sender{access.Caller{Principal: "ops", TokenID: "aaaaaaaaaa"}}
	change := func(c access.Change) Command { return &ChangeAccess{Sender: by, Change: c} }
	record := func(id, principal string, rules ...access.Rule) access.Record {
		return access.Record{ID: id, Hash: sha256.Sum256([]byte(id)), Principal: principal, Rules: rules, Expires: 1_800_000_000_000, Created: 1_700_000_000_000}
	}
	billing := access.Rules{{Right: access.Acquire, Scope: "billing."}, {Right: access.Read, Scope: "*"}}
	limited := record("bbbbbbbbbb", "billing", access.Rule{Right: access.Read, Scope: "billing.x"})
	limited.CreatedBy = "ops"
	return []Command{
		&ChangeAccess{Sender: Sender{access.Caller{Local: true}}, Change: access.Change{Kind: access.FirstToken, Token: record("aaaaaaaaaa", "ops")}},
		change(access.Change{Kind: access.SetPrincipal, Principal: access.Principal{Name: "billing", Rules: billing}}),
		change(access.Change{Kind: access.SetPrincipal, Principal: access.Principal{Name: "gone", Rules: access.Rules{{Right: access.Metrics}}}}),
		change(access.Change{Kind: access.AddToken, Token: limited}),
		change(access.Change{Kind: access.AddToken, Token: record("cccccccccc", "gone")}),
		change(access.Change{Kind: access.AddToken, Token: record("dddddddddd", "billing")}),
		change(access.Change{Kind: access.DeletePrincipal, Principal: access.Principal{Name: "gone"}}),
		change(access.Change{Kind: access.DeleteToken, Token: access.Record{ID: "dddddddddd"}}),
		change(access.Change{Kind: access.SetMode, Mode: access.On}),
	}
}

// objectSamples are objects of the Kubernetes API: a Lease that is renewed and deleted, one without a TTL, one that a
// candidate is elected for and whose better candidate is preferred, one whose election waits for answers, and an Event.
func objectSamples() []Command {
	put := func(id uint64, d document.Document) *ChangeObject {
		return &ChangeObject{Write: document.Write{Object: d, ID: id}}
	}
	held := leaseObject("demo", "node-a", 15)
	held.Body = `{"metadata":{"labels":{"app":"demo"}}}`
	held.Lease.Acquired, held.Lease.Renewed = document.Some(1_700_000_000_000_000), document.Some(1_700_000_000_000_001)
	event := document.Document{
		Key: document.Key{Kind: document.Event, Namespace: "default", Name: "demo.1"}, Subject: "k8s/default/demo", Body: `{"reason":"LeaderElection"}`,
	}
	late := candidateObject("late", "quiet", "1.36.0")
	late.Candidate.Ping = document.Some(1)
	return []Command{
		put(1, held), put(2, leaseObject("forever", "node-b", 0)), put(3, event),
		put(4, candidateObject("a", "elected", "1.36.0")), put(5, candidateObject("b", "elected", "1.35.0")), put(6, late),
		&ChangeObject{Write: document.Write{Object: leaseObject("none", "", 0), Delete: true, Expect: 7, Operator: "ops"}},
	}
}

func leaseObject(name, holder string, seconds int64) document.Document {
	d := document.Document{
		Key: document.Key{Kind: document.Lease, Namespace: "default", Name: name}, Subject: document.LeaseName("default", name),
		Lease: &document.LeaseSpec{Holder: holder, HolderSet: true},
	}
	if seconds > 0 {
		d.Lease.Duration = document.Some(seconds)
	}
	return d
}

func candidateObject(name, lease, version string) document.Document {
	return document.Document{
		Key: document.Key{Kind: document.Candidate, Namespace: "default", Name: name}, Subject: document.LeaseName("default", lease),
		Candidate: &document.CandidateSpec{Binary: version, Emulation: version, Strategy: document.Strategy},
	}
}

func leaseSamples() []Command {
	meta := `{"v":2}`
	return []Command{
		&InitCluster{ClusterID: "c1"},
		&SetNode{Node{ID: "n1-aa", Name: "n1", Peer: "h:1", HTTP: "h:2", Version: 1}},
		&Acquire{Name: "a", Holder: "x", Session: "session-00000001", TTL: 15_000, Limit: 2, Delay: 1_000, Meta: `{"v":1}`, AttemptID: AttemptID{Boot: 1, N: 1}},
		&Acquire{Name: "a", Holder: "y", Session: "session-00000002", TTL: 70_000, Limit: 2},
		&Acquire{Name: "a", Holder: "z", Session: "session-00000003", TTL: 15_000, Limit: 2, Wait: 30_000, AttemptID: AttemptID{Boot: 1, N: 2}},
		&Acquire{Name: "a", Holder: "z", Session: "session-00000004", TTL: 15_000, Limit: 2, Wait: 30_000, Anonymous: true},
		&Renew{Name: "a", Session: "session-00000001", Token: 3, TTL: 20_000, Meta: &meta},
		&RenewSession{Session: "session-00000001", Only: []Ref{{"a", 3}}},
		&EndWait{Name: "a", Session: "session-00000003", AttemptID: AttemptID{Boot: 1, N: 2}},
		&Transfer{Name: "a", Session: "session-00000002", Token: 4, To: "z"},
		&Break{Name: "a", Token: 3, Reason: "stuck", By: "ops", Grace: InheritGrace},
		&Expire{Timer: TimerHold, Name: "a", ID: 3, Seq: 4},
		&CancelAcquire{Name: "a", Session: "session-00000004", AttemptID: AttemptID{Boot: 1, N: 2}},
		&Release{Name: "a", Session: "session-00000003", Delay: 1_000},
		&ReleaseSession{Session: "session-00000002"},
		&RemoveNode{ID: "n1-aa"},
		&Recover{Floor: 1 << 40, Quarantine: 15_000},
		&StepDown{Name: "a", Token: 3, To: "z", Within: 30_000, By: "ops"},
		&Acquire{Name: "a", Holder: "x", Session: "session-00000001", TTL: 15_000, Limit: 2, Priority: -7, Reclaim: true, AttemptID: AttemptID{Boot: 1, N: 9}},
		&AcquireAll{Names: []string{"c", "d"}, Holder: "x", Session: "session-00000007", TTL: 15_000, Meta: `{"v":1}`, AttemptID: AttemptID{Boot: 1, N: 3}},
		&Stamp{},
	}
}

func sampleEntry() *Entry {
	return &Entry{Term: 1, Stamp: 1_000, Wall: 1_700_000_000_000, Commands: samples()}
}

// sampleMachine has a hold, a cooldown, a waiter, a free lease with a history, a node and a
// quarantine.
func sampleMachine() *Machine {
	m := New()
	m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Stamp: 1_000, Commands: samples()[:12]})
	m.Apply(1, &Entry{Version: EntryVersion, Term: 1, Stamp: 2_000, Wall: 1_700_000_000_000, Commands: []Command{
		&Recover{Quarantine: 15_000},
		&SetNode{Node{ID: "n1-bb", Name: "n1", Peer: "h:1", HTTP: "h:2", Version: 1}},
		&Expire{Timer: TimerQuarantine, Seq: 1},
		&Acquire{Name: "b", Holder: "x", Session: "session-00000005", TTL: 15_000, Limit: 1},
		&Release{Name: "b", Session: "session-00000005"},
		&Acquire{Name: "a", Holder: "w", Session: "session-00000006", TTL: 15_000, Limit: 2, Wait: 30_000},
		&Recover{Quarantine: 15_000},
	}})
	return m
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add(encodeEntry(sampleEntry(), EntryVersion))
	f.Add(encodeEntry((&Entry{}), EntryVersion))
	f.Add(encodeEntry((&Entry{}), EntryVersion+1))
	for _, c := range samples() {
		f.Add(encodeEntry((&Entry{Term: 7, Commands: []Command{c}}), EntryVersion))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := DecodeEntry(data); err != nil && !errors.Is(err, errCorrupt) && !errors.Is(err, ErrTooNew) {
			t.Fatalf("an error without a message: %v", err)
		}
		if len(data) < entryHeader {
			return
		}
		// The checksum keeps most of it from the fuzzer: mend it.
		data = bytes.Clone(data)
		binary.LittleEndian.PutUint32(data[3:], wire.Checksum(data[entryHeader:]))
		e, err := DecodeEntry(data)
		if err != nil {
			return
		}
		once := encodeEntry(e, EntryVersion)
		if twice := encodeEntry(reread(t, e), EntryVersion); !bytes.Equal(once, twice) {
			t.Fatalf("%x\nis read as\n%x", once, twice)
		}
	})
}

func FuzzDecodeCommand(f *testing.F) {
	for _, c := range samples() {
		f.Add(encodeCommand(c))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeCommand(data)
		if err != nil {
			return
		}
		once := encodeCommand(c)
		again, err := decodeCommand(once)
		if err != nil || !bytes.Equal(once, encodeCommand(again)) {
			t.Fatalf("%+v is read as %+v, %v", c, again, err)
		}
		_ = c.Validate()
	})
}

func FuzzDecodeReply(f *testing.F) {
	m := sampleMachine()
	l := m.Lease("a")
	h := &Hold{Holder: "x", Session: "s", Token: 1, TTL: 1_000, Break: &Breaking{Reason: "r", By: "b", Grace: 1, At: 2}}
	r := Reply{Result: Result{Code: CodeHeld, Lease: l, Hold: h, Queued: true, Position: 1, Holds: []Held{{Name: "a", Hold: h}, {Name: "b", Hold: h}}, QueuesLeft: []string{"c"}}}
	f.Add(encodeReply(&r))
	r.View, r.Expiries = m.Show(l, 1), []Millis{7, 8}
	r.Now, r.Blocking = 9, []*View{m.Show(l, 1), m.Show(m.Lease("b"), 1)}
	f.Add(encodeReply(&r))
	f.Add(encodeReply(&Reply{}))
	candidate := candidateObject("a", "demo", "1.36.0")
	f.Add(encodeReply(&Reply{Result: Result{Code: CodeObjectRefused, Object: &candidate, ObjectOutcome: document.Conflict}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeReply(data)
		if err != nil {
			return
		}
		once := encodeReply(&r)
		again, err := decodeReply(once)
		if err != nil || !bytes.Equal(once, encodeReply(&again)) {
			t.Fatalf("%+v is read as %+v, %v", r, again, err)
		}
	})
}

func FuzzDecodeQuery(f *testing.F) {
	f.Add(encodeQuery(Query{Kind: QueryLease, Name: "a"}))
	f.Add(encodeQuery(Query{Kind: QueryExplain, Name: "a", Session: "a-session-of-a-worker"}))
	f.Add(encodeQuery(Query{Kind: QueryObject, Object: leaseObject("demo", "", 0).Key}))
	f.Add(encodeQuery(Query{Kind: QueryList, Selection: Selection{Prefix: "a", Holder: "x", State: StateHeld, Waited: true, Order: lease.ByAge}, After: "aa", Limit: 100}))
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := decodeQuery(data)
		if err != nil {
			return
		}
		if again, err := decodeQuery(encodeQuery(q)); err != nil || again != q {
			t.Fatalf("%+v is read as %+v, %v", q, again, err)
		}
	})
}

func FuzzDecodeAnswer(f *testing.F) {
	m := sampleMachine()
	events, _ := m.History()
	v := m.Show(m.Lease("a"), MaxShown)
	v.Fresh, v.Clocks = true, []Clock{{FreeIn: 1, RenewedAgo: 2}}
	f.Add(encodeAnswer(&Answer{Revision: 9, Views: []*View{v, m.Show(m.Lease("none"), 1)}, Next: "b"}))
	f.Add(encodeAnswer(&Answer{Events: events}))
	demo := leaseObject("demo", "node-a", 15)
	f.Add(encodeAnswer(&Answer{Object: &demo}))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := decodeAnswer(data)
		if err != nil {
			return
		}
		once := encodeAnswer(&a)
		again, err := decodeAnswer(once)
		if err != nil || !bytes.Equal(once, encodeAnswer(&again)) {
			t.Fatalf("%+v is read as %+v, %v", a, again, err)
		}
	})
}

// FuzzApply makes commands of bytes, with no regard to what they may hold, and
// applies them to a machine, to one that reads them from entries, and to one
// that is restored on the way.
func FuzzApply(f *testing.F) {
	var all []byte
	for _, c := range samples() {
		one := encodeCommand(c)
		all = append(append(all, byte(len(one))), one...)
		f.Add(append([]byte{byte(len(one))}, one...), uint8(0))
	}
	f.Add(bytes.Repeat(all, 3), uint8(20))
	f.Fuzz(func(t *testing.T, data []byte, snapshot uint8) {
		m, reader := New(), New()
		for i := 0; len(data) > 1; i++ {
			size := min(int(data[0]), len(data)-1)
			c, err := decodeCommand(data[1 : 1+size])
			data = data[1+size:]
			if err != nil {
				continue
			}
			if i == int(snapshot) {
				reader = restored(t, reader)
			}
			e := &Entry{Version: EntryVersion, Term: 1, Stamp: Millis(i) * 500, Commands: []Command{c}}
			out := m.Apply(1, e)
			if other := reader.Apply(1, reread(t, e)); !same(out, other) {
				t.Fatalf("%T%+v: %+v on one machine, %+v on the other", c, c, out, other)
			}
			if broken := invariants(m, nil); broken != "" {
				t.Fatalf("after %T%+v: %s", c, c, broken)
			}
		}
		if m.Hash() != reader.Hash() || restored(t, m).Hash() != m.Hash() {
			t.Fatal("two machines differ")
		}
	})
}

func FuzzRestore(f *testing.F) {
	for _, m := range []*Machine{New(), sampleMachine()} {
		var b bytes.Buffer
		if err := m.Snapshot().Write(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes(), false)
		f.Add(b.Bytes(), true)
		f.Add(b.Bytes()[:b.Len()/2], true)
	}
	f.Fuzz(func(t *testing.T, data []byte, mend bool) {
		if mend && len(data) > crc32.Size {
			body := len(data) - crc32.Size
			data = binary.LittleEndian.AppendUint32(bytes.Clone(data[:body]), wire.Checksum(data[:body]))
		}
		m, err := restore(data)
		if err != nil {
			if !errors.Is(err, errCorrupt) && !errors.Is(err, ErrTooNew) {
				t.Fatalf("an error without a message: %v", err)
			}
			return
		}
		if restored(t, m).Hash() != m.Hash() {
			t.Fatal("a machine that was restored cannot be restored again")
		}
		m.Timers(func(Timer) {})
		m.Apply(1, sampleEntry())
	})
}
