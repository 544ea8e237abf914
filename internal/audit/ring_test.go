package audit

import (
	"strings"
	"testing"
)

func all(*Record) bool { return true }

// What an administrator did must not be lost among writes, refusals or renewals, of which there may be many.
func TestFloodOfOneClassKeepsTheOthers(t *testing.T) {
	l := InMemory(func() string { return "n1" })
	admin := Record{Action: "token.create", Decision: Allow, Class: Class{Administrative: true}}
	write, refusal := Record{Action: "lease.acquire", Decision: Allow}, Record{Action: "lease.acquire", Decision: Deny}
	renewal := Record{Action: "lease.renew", Decision: Allow, Class: Class{Renews: true}}
	lost := Record{Action: "lease.renew", Decision: Deny, Class: Class{Renews: true}}
	for _, r := range []Record{admin, lost, write} {
		if err := l.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range []Record{renewal, write, refusal, renewal} {
		for range 2*MaxKept + 1 {
			_ = l.Write(r)
		}
	}
	counts := make(map[string]int)
	page := l.Before(1<<53, all, 10*MaxKept)
	for _, r := range page.Records {
		counts[r.Action+" "+r.Decision]++
	}
	want := map[string]int{"token.create allow": 1, "lease.acquire allow": MaxKept, "lease.acquire deny": MaxKept}
	if len(counts) != len(want) || page.Next != 0 || page.Node != "n1" {
		t.Errorf("%v, next %d of %q", counts, page.Next, page.Node)
	}
	for what, n := range want {
		if counts[what] != n {
			t.Errorf("%d of %s, want %d", counts[what], what, n)
		}
	}
}

func TestRecordsInMemoryAreBoundedInBytes(t *testing.T) {
	l := InMemory(func() string { return "" })
	const size = 64 << 10
	for range 100 {
		_ = l.Write(Record{Subject: Subject{Target: strings.Repeat("x", size)}})
	}
	if n := len(l.Before(1<<53, all, MaxKept).Records); n != maxKeptBytes/(size+300) {
		t.Errorf("%d records of 64 KiB are in memory", n)
	}
}

func TestPagesAreCompleteAndInOrder(t *testing.T) {
	l := InMemory(func() string { return "" })
	for i := range 25 {
		_ = l.Write(Record{Decision: []string{Allow, Deny}[i%2], Class: Class{Administrative: i%3 == 0}})
	}
	last, n := uint64(26), 0
	for before := uint64(1 << 53); before != 0; {
		page := l.Before(before, all, 4)
		for _, r := range page.Records {
			if r.Seq != last-1 {
				t.Fatalf("record %d after %d", r.Seq, last)
			}
			last, n = r.Seq, n+1
		}
		before = page.Next
	}
	if n != 25 {
		t.Errorf("%d records, want 25", n)
	}
}
