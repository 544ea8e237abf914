package fsm

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/document"
)

const neverChange = `the form of version %d is not what it was.
Data directories and other nodes have it, so it never changes: undo the change of the encoding.
A new form is a new version: raise EntryVersion, write what is new under requires() or Since(), and add
testdata/v<version> with -update. See docs/adr/0013.`

// formatLog is a log in the form of a version with every kind of command, in which
// every kind of state comes about: what it leaves is in the golden snapshot.
func formatLog(version uint64) []*Entry {
	meta := `{"v":2}`
	session := func(n int) string { return fmt.Sprintf("session-%08d", n) }
	batches := [][]Command{
		{&InitCluster{ClusterID: "c1"}, &SetNode{Node{ID: "n1.aa", Name: "n1", Peer: "h:1", HTTP: "h:2", Version: 1}}},
		leaseSamples()[2:14],
		leaseSamples()[14:],
		{&SetNode{Node{ID: "n2.bb", Name: "n2", Peer: "h:3", HTTP: "h:4", Version: 1}}, &SetNode{Node{ID: "n3.cc", Name: "n3"}}, &RemoveNode{ID: "n3.cc"}},
		{&Expire{Timer: TimerQuarantine, Seq: 1}},
		{&Acquire{Name: "short", Holder: "x", Session: session(11), TTL: 15_000, Limit: 1, Delay: 2_000, Meta: meta, AttemptID: AttemptID{Boot: 7, N: 1}}},
		{&Acquire{Name: "long", Holder: "x", Session: session(11), TTL: 3_600_000, Limit: 1}, &Acquire{Name: "broken", Holder: "x", Session: session(11), TTL: 15_000, Limit: 1}},
		{&Acquire{Name: "gpu", Holder: "x", Session: session(11), TTL: 15_000, Limit: 3, Delay: 60_000}, &Acquire{Name: "gpu", Holder: "y", Session: session(12), TTL: 15_000, Limit: 3}},
		{&Release{Name: "gpu", Session: session(11), Delay: 60_000}, &Acquire{Name: "gpu", Holder: "z", Session: session(13), TTL: 15_000, Limit: 3}},
		{
			&Acquire{Name: "short", Holder: "low", Session: session(14), TTL: 15_000, Limit: 1, Wait: 30_000, Priority: -5, AttemptID: AttemptID{Boot: 7, N: 2}},
			&Acquire{Name: "short", Holder: "high", Session: session(15), TTL: 15_000, Limit: 1, Wait: 30_000, Priority: 9, Meta: meta, AttemptID: AttemptID{Boot: 7, N: 3}},
			&Acquire{Name: "short", Holder: "nobody", Session: session(16), TTL: 15_000, Limit: 1, Wait: 30_000, Anonymous: true, AttemptID: AttemptID{Boot: 7, N: 4}},
		},
		{&EndWait{Name: "short", Session: session(15), AttemptID: AttemptID{Boot: 7, N: 3}}},
		{&AcquireAll{Names: []string{"all/1", "all/2"}, Holder: "w", Session: session(17), TTL: 15_000, AttemptID: AttemptID{Boot: 7, N: 5}}},
		{&Release{Name: "all/1", Session: session(17)}, &Acquire{Name: "all/2", Holder: "w", Session: session(17), TTL: 15_000, Limit: 1, Reclaim: true}},
	}
	var log []*Entry
	m := New()
	apply := func(commands ...Command) {
		e := &Entry{Version: version, Term: 3, Stamp: Millis(1_000 * (len(log) + 1)), Wall: 1_700_000_000_000 + int64(len(log)), Commands: commands}
		log = append(log, e)
		m.Apply(e.Term, e)
	}
	for _, b := range batches {
		apply(b...)
	}
	if version >= 3 {
		billing := Sender{access.Caller{Principal: "billing", TokenID: "bbbbbbbbbb"}}
		if version >= 4 { // the machine checks the rules of the token
			billing.Caller.TokenID = ""
		}
		take := func(name, session string, wait Millis) *Acquire {
			return &Acquire{Sender: billing, Name: name, Holder: "x", Session: session, TTL: 15_000, Limit: 1, Wait: wait}
		}
		apply(accessSamples()...)
		apply(take("billing.a", session(20), 0), take("billing.a", session(21), 30_000),
			&Renew{Sender: Sender{access.Caller{Principal: "other"}}, Name: "billing.a", Session: session(20)})
	}
	if version >= 4 {
		apply(&ChangeAccess{Sender: Sender{access.Caller{Local: true}}, Change: access.Change{Kind: access.SetMode, Mode: access.Permissive}})
		apply(objectSamples()...)
		demo := leaseObject("demo", "node-a", 15)
		demo.Lease.Renewed = document.Some(1_700_000_000_000_002)
		apply(&ChangeObject{Write: document.Write{Object: demo, ID: 10, Expect: m.documents.LeaseOf("k8s/default/demo").Revision, Renewal: true}})
		elected := m.Lease("k8s/default/quiet").Holds[0]
		apply(&Expire{Timer: TimerHold, Name: "k8s/default/quiet", ID: elected.Token, Seq: elected.Seq})
	}
	token := func(name string) uint64 { return m.Lease(name).Holds[0].Token }
	apply(&Break{Name: "broken", Token: token("broken"), Reason: "stuck", By: "ops", Grace: 10_000},
		&StepDown{Name: "long", Token: token("long"), To: "y", Within: 30_000, By: "ops"})
	apply(&Recover{Floor: 1 << 40, Quarantine: 15_000}, &SetNode{Node{ID: "n1.dd", Name: "n1", Peer: "h:1", HTTP: "h:2", Version: 1}})
	apply(&Renew{Name: "long", Session: session(11), Token: token("long"), TTL: 7_200_000, Meta: &meta})
	if version >= 2 {
		sent := m.Revision()
		late := &Acquire{Name: "a/b", Holder: "x", Session: session(18), TTL: 15_000, Limit: 1, Sent: sent}
		apply(&Release{Name: "a/b", Session: session(18)}, late, &AcquireAll{
			Names: []string{"a/b", "a/c"}, Holder: "x", Session: session(18), TTL: 15_000, Sent: sent + 1,
		})
		apply(&SetNode{Node{ID: "n1.dd", Name: "n1", Peer: "h:1", HTTP: "h:2", Version: 2, MaxState: 32 << 20}})
		attempt := func(name, attempt string, wait Millis) *Acquire {
			return &Acquire{Name: name, Holder: "x", Session: session(19), TTL: 15_000, Limit: 1, Wait: wait, Attempt: attempt}
		}
		apply(attempt("a/d", "given-up", 0), &Release{Name: "a/d", Session: session(19), Attempt: "given-up"},
			attempt("long", "waits", 30_000), attempt("a/e", "holds", 0),
			&AcquireAll{Names: []string{"a/f"}, Holder: "x", Session: session(19), TTL: 15_000, Attempt: "several"})
	}
	if version >= 4 {
		apply(&ChangeAccess{Sender: Sender{access.Caller{Local: true}}, Change: access.Change{Kind: access.SetMode, Mode: access.On}})
	}
	return log
}

// TestTheFormOfAVersionNeverChanges reads the entries and the snapshot of each
// version as they were when it was released: the values, the bytes that they are
// written as, and what the machine makes of them are still the same.
func TestTheFormOfAVersionNeverChanges(t *testing.T) {
	for version := uint64(1); version <= EntryVersion; version++ {
		t.Run(fmt.Sprint("v", version), func(t *testing.T) { formNeverChanges(t, version) })
	}
}

func formNeverChanges(t *testing.T, version uint64) {
	log := formatLog(version)
	m := New()
	var lines bytes.Buffer
	for _, e := range log {
		fmt.Fprintln(&lines, hex.EncodeToString(encodeEntry(e, version)))
		m.Apply(e.Term, e)
	}
	entries := golden(t, fmt.Sprintf("testdata/v%d/entries.hex", version), lines.Bytes())
	snapshot := golden(t, fmt.Sprintf("testdata/v%d/snapshot.bin", version), snapshotOf(t, m))

	played := New()
	scan := bufio.NewScanner(bytes.NewReader(entries))
	scan.Buffer(nil, 1<<20)
	for i := 0; scan.Scan(); i++ {
		was, err := hex.DecodeString(strings.TrimSpace(scan.Text()))
		if err != nil {
			t.Fatal(err)
		}
		e, err := DecodeEntry(was)
		switch {
		case err != nil:
			t.Fatalf("entry %d: %v\n"+neverChange, i, err, version)
		case i >= len(log) || !same(e, log[i]):
			t.Fatalf("entry %d is read as %+v\n"+neverChange, i, e, version)
		case !bytes.Equal(encodeEntry(e, version), was):
			t.Fatalf("entry %d is written as %x\n"+neverChange, i, encodeEntry(e, version), version)
		}
		played.Apply(e.Term, e)
	}
	restored, err := Restore(bytes.NewReader(snapshot))
	if err != nil {
		t.Fatalf("the snapshot: %v\n"+neverChange, err, version)
	}
	if !bytes.Equal(snapshotOf(t, restored), snapshot) {
		t.Errorf("the snapshot is written otherwise\n"+neverChange, version)
	}
	if !bytes.Equal(snapshotOf(t, played), snapshot) {
		t.Errorf("the entries lead to another machine: nodes of two versions would differ.\n"+
			"What a command of an older version does is changed under the version of its entry\n"+neverChange, version)
	}
}

// TestGoldenLogIsComplete checks that the golden files cover all commands and fields.
func TestGoldenLogIsComplete(t *testing.T) {
	seen := make(map[kind]bool)
	m := New()
	for _, e := range formatLog(EntryVersion) {
		for _, c := range e.Commands {
			seen[c.kind()] = true
		}
		m.Apply(e.Term, e)
	}
	for k := kind(1); int(k) < len(commands); k++ {
		if !seen[k] {
			t.Errorf("no command of kind %d", k)
		}
	}
	has := make(map[string]bool)
	leases, _ := m.Page(Selection{}, "", 100)
	for _, l := range leases {
		has["cooldown"] = has["cooldown"] || len(l.Cooldowns) > 0
		has["slots"] = has["slots"] || len(l.Holds) > 1
		has["queue"] = has["queue"] || len(l.Queue) > 2 && l.Queue[0].Priority > l.Queue[2].Priority
		for _, w := range l.Queue {
			has["wait ended"] = has["wait ended"] || w.WaitEnded
			has["anonymous"] = has["anonymous"] || w.Anonymous
		}
		for _, h := range l.Holds {
			has["breaking"] = has["breaking"] || h.Break != nil
			has["step down"] = has["step down"] || h.StepDown != nil
			has["meta"] = has["meta"] || h.Meta != ""
			has["long"] = has["long"] || h.TTL > ShortTTL
		}
	}
	events, _ := m.History()
	has["history"] = len(events) > 0
	has["freed names"] = m.leases.Past().Len() > 0
	has["quarantine"] = m.Quarantine().For > 0
	has["nodes"] = len(m.Nodes()) > 0
	has["ends"] = m.ends.order.Len() > 0
	has["a budget"] = m.Budget() > 0
	has["a principal"] = m.Lease("billing.a").Holds[0].Principal == "billing"
	has["access"] = m.Guards() && m.Access().Token("bbbbbbbbbb") != nil
	for _, kind := range []document.Kind{document.Lease, document.Candidate, document.Event} {
		has["documents"] = (kind == document.Lease || has["documents"]) && m.documents.Count(kind) > 0
	}
	has["a round"] = len(m.documents.Rounds()) > 0
	has["no TTL"] = m.leases.Permanent() > 0
	has["preferred"] = m.documents.LeaseOf("k8s/default/elected").Lease.Preferred != ""
	for _, what := range []string{"documents", "a round", "no TTL", "preferred", "cooldown", "slots", "queue", "wait ended", "anonymous", "breaking", "step down", "meta", "long", "history", "freed names", "quarantine", "nodes", "ends", "a budget", "a principal", "access"} {
		if !has[what] {
			t.Errorf("no %s in the golden machine", what)
		}
	}
}

// golden returns the bytes of a file. With -update it creates a missing file. It never
// changes an existing one, whose form was released.
func golden(t *testing.T, path string, now []byte) []byte {
	t.Helper()
	was, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, now, 0o644); err != nil {
			t.Fatal(err)
		}
		return now
	}
	if err != nil {
		t.Fatal(err)
	}
	return was
}

// The limits of a decoder are part of the form of its version: an older member refuses what
// a newer one writes beyond them. They grow only with a version, see Since, and never shrink.
func TestTheBoundsOfAVersionNeverChange(t *testing.T) {
	for name, bound := range map[string]struct{ is, was int64 }{
		"MaxStoredNameBytes": {MaxStoredNameBytes, 512},
		"MaxHolderBytes":     {MaxHolderBytes, 800},
		"MaxSessionBytes":    {MaxSessionBytes, 128},
		"MaxAttemptBytes":    {MaxAttemptBytes, 64},
		"MaxMetaBytes":       {MaxMetaBytes, 4_096},
		"MaxReasonBytes":     {MaxReasonBytes, 2_000},
		"MaxNodeBytes":       {MaxNodeBytes, 64},
		"MaxAddressBytes":    {MaxAddressBytes, 300},
		"MaxNamespaceBytes":  {document.MaxNamespaceBytes, 63},
		"MaxObjectNameBytes": {document.MaxNameBytes, 253},
		"MaxBodyBytes":       {document.MaxBodyBytes, 16_384},
		"MaxVersionBytes":    {document.MaxVersionBytes, 256},
		"MaxUIDBytes":        {document.MaxUIDBytes, 36},
		"MinPriority":        {MinPriority, -100},
		"MaxPriority":        {MaxPriority, 100},
		"MaxNames":           {MaxNames, 64},
		"MaxLimit":           {MaxLimit, 1_024},
		"MaxQueue":           {MaxQueue, 1_000},
		"MaxSessionLeases":   {MaxSessionLeases, 10_000},
		"MaxNameEvents":      {MaxNameEvents, 16},
		"MaxHistoryEvents":   {MaxHistoryEvents, 65_536},
		"MaxListed":          {MaxListed, 1_000},
		"MaxPast":            {MaxPast, 65_536},
		"MaxEntryCommands":   {MaxEntryCommands, 1_024},
		"MaxEntryBytes":      {MaxEntryBytes, 1 << 20},
	} {
		if bound.is != bound.was {
			t.Errorf("%s is %d, and version 1 has %d: see docs/adr/0013", name, bound.is, bound.was)
		}
	}
}
