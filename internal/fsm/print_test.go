package fsm

import (
	"fmt"
	"strings"
)

// line builds a line of fields. Zero values are omitted.
type line struct{ strings.Builder }

func (l *line) add(format string, args ...any) { fmt.Fprintf(l, " "+format, args...) }

func (l *line) text(name, value string) {
	if value != "" {
		l.add("%s=%s", name, value)
	}
}

func (l *line) number(name string, n int64) {
	if n != 0 {
		l.add("%s=%d", name, n)
	}
}

func printHold(l *line, h *Hold) {
	l.add("token=%d slot=%d ttl=%d seq=%d", h.Token, h.Slot, h.TTL, h.Seq)
	if h.AttemptID != (AttemptID{}) {
		l.add("attempt_id=%d.%d", h.AttemptID.Boot, h.AttemptID.N)
	}
	if h.Reclaimed != nil {
		l.add("reclaimed=%d.%d", h.Reclaimed.Boot, h.Reclaimed.N)
	}
	l.number("delay", int64(h.Delay))
	l.text("meta", h.Meta)
	if b := h.Break; b != nil {
		l.add("broken=%q by=%s grace=%d at=%d", b.Reason, b.By, b.Grace, b.At)
	}
	if a := h.StepDown; a != nil {
		l.add("step_down to=%q by=%q within=%d at=%d", a.To, a.By, a.Within, a.At)
	}
}

func printPrevious(l *line, p Previous) {
	if p.Token == 0 {
		return
	}
	l.add("previous=%s/%d/%s", p.Holder, p.Token, p.End)
	if p.To != "" {
		l.add("to=%s", p.To)
	}
}

func resultLine(r Result) string {
	var l line
	l.WriteString(r.Code.String())
	if r.Hold != nil {
		printHold(&l, r.Hold)
	}
	if r.Queued {
		l.add("queued position=%d", r.Position)
	}
	if r.WasHeld {
		l.add("was_held held=%d", r.Held)
	}
	printPrevious(&l, r.Previous)
	for _, h := range r.Holds {
		l.add("hold=%s:%d", h.Name, h.Hold.Token)
		printPrevious(&l, h.Previous)
	}
	for _, b := range r.Blocked {
		l.add("blocked=%s", b.Name)
	}
	for _, name := range r.QueuesLeft {
		l.add("left=%s", name)
	}
	l.add("revision=%d", r.Revision)
	return l.String()
}

func eventLine(e *Event) string {
	var l line
	fmt.Fprintf(&l, "event %d %s %s", e.Revision, e.Type, e.Name)
	l.text("holder", e.Holder)
	l.number("token", int64(e.Token))
	l.text("cause", e.Cause.String())
	l.number("held", int64(e.Held))
	if e.Type == EventAcquired {
		l.add("vacancy=%d", e.Vacancy)
	}
	l.text("meta", e.Meta)
	r := e.Requested()
	l.text("reason", r.Reason)
	l.text("by", r.By)
	l.text("to", r.To)
	l.number("within", int64(r.Within))
	return l.String()
}

func timerLine(t Timer) string {
	kind := [...]string{"", "hold", "delay", "ticket", "quarantine"}[t.Kind]
	var l line
	fmt.Fprintf(&l, "timer %s", kind)
	l.text("of", t.Name)
	l.number("id", int64(t.ID))
	switch {
	case t.Clear:
		l.add("cleared")
		return l.String()
	case t.Keep:
		l.add("seq=%d kept", t.Seq)
		return l.String()
	}
	l.add("seq=%d for=%d", t.Seq, t.For)
	if t.Stamped {
		l.add("from=%d", t.From)
	}
	return l.String()
}

// leaseLines returns all fields of a lease.
func leaseLines(l *Lease) []string {
	var head line
	fmt.Fprintf(&head, "%s %s limit=%d transitions=%d", l.Name, l.State(), l.Limit, l.History.Transitions)
	printPrevious(&head, l.History.Previous())
	lines := []string{head.String()}
	for _, h := range l.Holds {
		var out line
		fmt.Fprintf(&out, "hold %s %s", h.Session, h.Holder)
		printHold(&out, h)
		lines = append(lines, out.String())
	}
	for _, c := range l.Cooldowns {
		lines = append(lines, fmt.Sprintf("cooldown slot=%d holder=%s token=%d for=%d from=%d cause=%s", c.Slot, c.Holder, c.Token, c.For, c.From, c.Cause))
	}
	for _, t := range l.Queue {
		var out line
		fmt.Fprintf(&out, "ticket %d %s %s ttl=%d wait=%d seq=%d", t.ID, t.Session, t.Holder, t.TTL, t.Wait, t.Seq)
		out.number("priority", int64(t.Priority))
		if t.WaitEnded {
			out.add("wait_ended")
		}
		lines = append(lines, out.String())
	}
	for _, e := range l.Events() {
		lines = append(lines, eventLine(e))
	}
	return lines
}
