package lease

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPageAgreesWithAPlainFilter compares pages with a filter and a sort of all leases.
func TestPageAgreesWithAPlainFilter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := NewTable()
		var all []*Lease
		for i, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[ab](\.[abc]{1,2})?`), 0, 12, rapid.ID).Draw(t, "names") {
			l := table.Get(name).Edit()
			for h := range rapid.IntRange(0, 2).Draw(t, "holds") {
				l.Limit = 2
				l.Holds = append(l.Holds, &Hold{
					Holder: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "holder"), Token: uint64(10*i + h + 1), Slot: h, TTL: 9,
					Granted: Millis(rapid.IntRange(1, 5).Draw(t, "granted")),
					Origin:  Origin{Principal: rapid.SampledFrom([]string{"", "p", "q"}).Draw(t, "principal")},
				})
			}
			slices.SortStableFunc(l.Holds, func(a, b *Hold) int { return int(a.Granted - b.Granted) })
			for w := range rapid.IntRange(0, 3).Draw(t, "waiters") {
				l.Queue = append(l.Queue, &Ticket{ID: uint64(1000 + 10*i + w)})
			}
			if !l.Active() {
				l.Cooldowns = []Cooldown{{Token: 1, For: 5}}
			}
			table.Put(l, 1)
			all = append(all, table.Get(name))
		}
		s := Selection{
			Prefix:    rapid.SampledFrom([]string{"", "a", "a.", "b.a"}).Draw(t, "prefix"),
			Holder:    rapid.SampledFrom([]string{"", "x"}).Draw(t, "of holder"),
			Principal: rapid.SampledFrom([]string{"", "p"}).Draw(t, "of principal"),
			State:     rapid.SampledFrom([]State{0, StateHeld, StateDelayed, StateFree}).Draw(t, "state"),
			Waited:    rapid.Bool().Draw(t, "waited"),
			Order:     rapid.SampledFrom([]Order{ByName, ByAge, ByWaiters}).Draw(t, "order"),
		}
		var want []string
		slices.SortFunc(all, func(a, b *Lease) int { return strings.Compare(a.Name, b.Name) })
		slices.SortStableFunc(all, func(a, b *Lease) int {
			switch {
			case s.Order == ByWaiters:
				return len(b.Queue) - len(a.Queue)
			case s.Order == ByAge && len(a.Holds) > 0 && len(b.Holds) > 0:
				return int(a.Holds[0].Granted - b.Holds[0].Granted)
			case s.Order == ByAge:
				return min(len(b.Holds), 1) - min(len(a.Holds), 1)
			}
			return 0
		})
		for _, l := range all {
			byHolder := s.Holder == "" || slices.ContainsFunc(l.Holds, func(h *Hold) bool { return h.Holder == s.Holder })
			byPrincipal := s.Principal == "" || slices.ContainsFunc(l.Holds, func(h *Hold) bool { return h.Principal == s.Principal })
			if strings.HasPrefix(l.Name, s.Prefix) && byHolder && byPrincipal && (s.State == 0 || l.State() == s.State) && (!s.Waited || len(l.Queue) > 0) {
				want = append(want, l.Name)
			}
		}
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		var got []string
		for after, pages := "", 0; pages < 20; pages++ {
			page, next := table.Page(s, after, limit)
			for _, l := range page {
				got = append(got, l.Name)
			}
			if after = next; next == "" {
				break
			}
		}
		if s.Order != ByName {
			want = want[:min(limit, len(want))]
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v: %v, want %v", s, got, want)
		}
	})
}
