package fsm

import (
	"fmt"
	"testing"
)

// Leases that were taken before a change do not show it, regardless of the number of pages.
func TestLeasesAreImmutable(t *testing.T) {
	m := New()
	acquire := func(i int, holder string) {
		m.Apply(1, &Entry{Term: 1, Commands: []Command{&Acquire{
			Name: fmt.Sprintf("job-%03d", i), Holder: holder, Session: fmt.Sprintf("session-%s-%08d", holder, i), TTL: DefaultTTL, Limit: 2,
		}}})
	}
	for i := range 200 {
		acquire(2*i, "before")
	}
	taken := m.Leases()
	seen := 0
	for after := ""; ; {
		page, next := taken.Page(Selection{Prefix: "job-"}, after, 7)
		for _, l := range page {
			if want := fmt.Sprintf("job-%03d", 2*seen); l.Name != want || len(l.Holds) != 1 || l.Holds[0].Holder != "before" {
				t.Fatalf("lease %d is %s with %d holds, want %s", seen, l.Name, len(l.Holds), want)
			}
			seen++
		}
		for i := range 20 { // changes on both sides of the cursor
			acquire((seen*13+i*29)%400, "after")
		}
		if after = next; next == "" {
			break
		}
	}
	if seen != 200 || taken.Revision() != 200 || m.Revision() <= 200 {
		t.Errorf("%d leases at revision %d of %d", seen, taken.Revision(), m.Revision())
	}
}
