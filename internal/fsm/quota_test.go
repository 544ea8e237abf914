package fsm

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/lease"
)

func setQuota(t testing.TB, m *Machine, q access.Quota) {
	t.Helper()
	if r := at(m, 3, &ChangeAccess{Change: access.Change{Kind: access.SetQuota, Quota: q}}); r.Code != CodeOK {
		t.Fatalf("%+v: %v", q, r.Outcome)
	}
}

func try(m *Machine, name string, n int, wait Millis, meta string) Code {
	return at(m, 3, &Acquire{Name: name, Holder: "x", Session: fmt.Sprintf("session-%08d", n), TTL: 15_000, Limit: 1, Wait: wait, Meta: meta}).Code
}

func TestQuotas(t *testing.T) {
	m := New()
	setQuota(t, m, access.Quota{Scope: "billing.", Leases: 2, Waiters: 1})
	setQuota(t, m, access.Quota{Scope: "billing.big.", Bytes: 3_000})
	setQuota(t, m, access.Quota{Scope: "*", Leases: 1})
	for i, test := range []struct {
		name string
		wait Millis
		want Code
	}{
		{"billing.a", 0, CodeGranted},
		{"billing.b", 0, CodeGranted},
		{"billing.c", 0, CodeQuota},
		{"billing.a", 30_000, CodeQueued},
		{"billing.a", 30_000, CodeQuota},
		{"other", 0, CodeGranted}, // counts for *
		{"another", 0, CodeQuota},
		{"billing.big.a", 0, CodeGranted}, // counts for the longest scope only
		{"billing.big.b", 0, CodeGranted},
		{"billing.big.c", 0, CodeQuota},
	} {
		if got := try(m, test.name, i, test.wait, ""); got != test.want {
			t.Errorf("%d, %s: %v, want %v", i, test.name, got, test.want)
		}
	}
	big := `{"v":"` + string(bytes.Repeat([]byte("x"), 2_000)) + `"}`
	if r := at(m, 3, &Renew{Name: "billing.big.a", Session: "session-00000007", Meta: &big}); r.Code != CodeQuota {
		t.Errorf("a renewal with a meta beyond the quota: %v", r.Code)
	}
	all := &AcquireAll{Names: []string{"free.1", "free.2"}, Holder: "x", Session: "session-00000099", TTL: 15_000}
	if r := at(m, 3, all); r.Code != CodeQuota {
		t.Errorf("several leases beyond the quota: %v", r.Code)
	}
	at(m, 3, &Release{Name: "billing.b", Session: "session-00000001"})
	if got := try(m, "billing.c", 50, 0, ""); got != CodeGranted {
		t.Errorf("after a release: %v", got)
	}
	at(m, 3, &ChangeAccess{Change: access.Change{Kind: access.DeleteQuota, Quota: access.Quota{Scope: "*"}}})
	if r := at(m, 3, all); r.Code != CodeGranted {
		t.Errorf("without the quota: %v", r.Code)
	}
	setQuota(t, m, access.Quota{Scope: "billing.", Leases: 1}) // below what there is
	if got := try(m, "billing.a", 0, 0, ""); got != CodeOK {
		t.Errorf("a hold above a quota that was lowered: %v", got)
	}
}

// TestUsageIsWhatTheLeasesTake compares the counters with a count of all leases, after random commands and a restore.
func TestUsageIsWhatTheLeasesTake(t *testing.T) {
	names := []string{"a.x", "a.y", "a.b.x", "a.b.y", "z"}
	rapid.Check(t, func(t *rapid.T) {
		m := New()
		quotas := []access.Quota{{Scope: "a.", Leases: 100}, {Scope: "a.b.", Waiters: 100}}
		for _, q := range quotas {
			at(m, 3, &ChangeAccess{Change: access.Change{Kind: access.SetQuota, Quota: q}})
		}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			name := rapid.SampledFrom(names).Draw(t, "name")
			n := rapid.IntRange(0, 5).Draw(t, "session")
			switch rapid.IntRange(0, 2).Draw(t, "command") {
			case 0:
				try(m, name, n, 30_000, rapid.SampledFrom([]string{"", `{"a":1}`}).Draw(t, "meta"))
			case 1:
				at(m, 3, &Release{Name: name, Session: fmt.Sprintf("session-%08d", n)})
			case 2:
				at(m, 3, &ReleaseSession{Session: fmt.Sprintf("session-%08d", n)})
			}
		}
		var snapshot bytes.Buffer
		if err := m.Snapshot().Write(&snapshot); err != nil {
			t.Fatal(err)
		}
		again, err := Restore(&snapshot)
		if err != nil {
			t.Fatal(err)
		}
		for _, machine := range []*Machine{m, again} {
			want := make([]lease.Usage, 2)
			machine.leases.Scan(func(l *Lease) bool {
				for i, q := range machine.access.Quotas() {
					if q.Covers(l.Name) {
						want[i].Leases++
						want[i].Waiters += len(l.Queue)
						want[i].Bytes += l.Size()
						break
					}
				}
				return true
			})
			if got := machine.leases.Used(); got[0] != want[0] || got[1] != want[1] {
				t.Fatalf("counted %+v, want %+v", got, want)
			}
		}
	})
}
