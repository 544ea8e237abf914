package fsm

import (
	"fmt"
	"maps"
	"slices"

	"github.com/lockd/lockd/internal/fsm/lease"
)

// invariants returns the first invariant that a machine violates, or "". Live are the timers
// that its entries have set and not cleared; nil if they are not known.
func invariants(m *Machine, live map[timerKey]Timer) string {
	derived := make(map[sessionName]bool)
	perSession := make(map[string]int)
	tokens := make(map[uint64]string)
	waiting := 0
	past := m.leases.Past()
	broken := ""
	note := func(format string, args ...any) {
		if broken == "" {
			broken = fmt.Sprintf(format, args...)
		}
	}
	m.leases.Scan(func(l *Lease) bool {
		if !l.Active() || len(l.Holds)+len(l.Cooldowns) > l.Limit {
			note("lease %s has %d holds and %d cooldowns with a limit of %d", l.Name, len(l.Holds), len(l.Cooldowns), l.Limit)
		}
		if !l.Sound(m.revision) {
			note("lease %s is inconsistent: %v", l.Name, realLines(l))
		}
		if m.canGrant(l) && len(l.Holds)+len(l.Cooldowns) < l.Limit {
			note("lease %s is available and %s waits for it", l.Name, l.Queue[0].Session)
		}
		for _, h := range l.Holds {
			if other, twice := tokens[h.Token]; twice {
				note("token %d belongs to %s and %s", h.Token, other, l.Name)
			}
			tokens[h.Token] = l.Name
			derived[sessionName{h.Session, l.Name}] = true
			perSession[h.Session]++
		}
		for i, t := range l.Queue {
			derived[sessionName{t.Session, l.Name}] = true
			perSession[t.Session]++
			if i > 0 && (l.Queue[i-1].Priority < t.Priority || l.Queue[i-1].Priority == t.Priority && l.Queue[i-1].ID >= t.ID) {
				note("ticket %d of %s is before %d", l.Queue[i-1].ID, l.Name, t.ID)
			}
		}
		waiting += len(l.Queue)
		if _, twice := past.Get(lease.Past{Name: l.Name}); twice {
			note("%s is in use, and among the freed names", l.Name)
		}
		return true
	})
	bytes := 0
	m.leases.Scan(func(l *Lease) bool { bytes += l.Size(); return true })
	past.Scan(func(p lease.Past) bool { bytes += p.Size(); return true })
	ends := 0
	m.ends.order.Scan(func(e endRecord) bool { ends += e.size(); return true })
	if m.leases.Bytes() != bytes || m.ends.bytes != ends || len(m.ends.revisions) != m.ends.order.Len() {
		note("%d bytes are counted, want %d; %d ends, want %d", m.leases.Bytes(), bytes, len(m.ends.revisions), m.ends.order.Len())
	}
	if m.Waiting() != waiting {
		note("%d wait, and %d are counted", waiting, m.Waiting())
	}
	maps.DeleteFunc(perSession, func(_ string, names int) bool { return names < 2 })
	if !maps.Equal(m.sessions.many, perSession) {
		note("per session %v are counted, want %v", m.sessions.many, perSession)
	}
	for _, s := range m.sessions.names.Items() {
		if !derived[s] {
			note("the index has %v, which neither holds nor waits", s)
		}
		delete(derived, s)
	}
	if len(derived) > 0 {
		note("the index lacks %v", derived)
	}
	if past.Len() > MaxPast {
		note("%d free leases are kept", past.Len())
	}
	if m.revision > MaxSafeInteger {
		note("revision %d", m.revision)
	}
	if live != nil && broken == "" {
		broken = timersDiffer(m, live)
	}
	return broken
}

// timersDiffer compares the timers that a new leader receives with those that the entries
// have set and cleared.
func timersDiffer(m *Machine, live map[timerKey]Timer) string {
	all := make(map[timerKey]Timer)
	m.Timers(func(t Timer) { all[timerKey{t.Kind, t.ID}] = t })
	if maps.Equal(all, live) {
		return ""
	}
	lines := func(timers map[timerKey]Timer) (out []string) {
		for _, t := range timers {
			out = append(out, timerLine(t))
		}
		slices.Sort(out)
		return out
	}
	return fmt.Sprintf("timers were set and cleared to\n%v\nand are\n%v", lines(live), lines(all))
}
