package leases

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/cells"
)

// columns is the form of an event in a pipe. Its text has no bound, and the columns stay in line for short names.
const columns = "%-10s   %-11s   %-30s   %-20s   %-10s   %-20s   %-12s   %s"

// EventHead is the header of EventColumns.
func EventHead() string {
	return fmt.Sprintf(columns, "REVISION", "TYPE", "NAME", "HOLDER", "TOKEN", "TO", "CAUSE", "AT")
}

// EventColumns returns an event as columns, for programs.
func EventColumns(e lockd.Event) string {
	cell := func(s string) string { return cmp.Or(console.Plain(s), "-") }
	return fmt.Sprintf(columns, cell(cells.Token(e.Revision)), cell(e.Type), cell(e.Name), cell(e.Holder),
		cell(cells.Token(e.Token)), cell(e.To), cell(cmp.Or(e.Cause, e.Reason)), cell(cells.Time(e.At)))
}

// EventLine returns an event as a line for a person: the time of day, the name, and a sentence. The line is not cut,
// because no other line repeats it.
func EventLine(e lockd.Event, now time.Time, style console.Style) string {
	at := cmp.Or(cells.TimeOfDay(e.At, now), now.Format(time.TimeOnly))
	if e.Type == lockd.EventSynced {
		return style.Paint(console.Dim, at+"  changes after revision "+cells.Token(e.Revision)+":")
	}
	return style.Paint(console.Dim, at) + "  " + style.Paint(console.Bold, fmt.Sprintf("%-16s", console.Plain(e.Name))) + "  " +
		style.Paint(colorOf(e), console.Plain(Sentence(e)))
}

func colorOf(e lockd.Event) console.Color {
	switch e.Type {
	case lockd.EventState:
		return console.Dim
	case lockd.EventAcquired, lockd.EventReclaimed:
		return console.Green
	case lockd.EventExpired, lockd.EventBroken:
		return console.Red
	case lockd.EventStepDown, lockd.EventDelayed:
		return console.Yellow
	}
	return console.Plainly
}

// Sentence describes an event.
func Sentence(e lockd.Event) string {
	hold := hold(e.Holder, e.Token)
	switch e.Type {
	case lockd.EventState:
		return stateSentence(e.Lease)
	case lockd.EventAcquired:
		return "acquired by " + hold + vacancy(e)
	case lockd.EventReclaimed:
		return "reclaimed by " + hold
	case lockd.EventReleased:
		return "released by " + hold + held(e)
	case lockd.EventTransferred:
		return "transferred by " + hold + " to " + e.To + held(e)
	case lockd.EventExpired:
		return "expired: " + hold + " did not renew it" + held(e)
	case lockd.EventBroken:
		return "broken by " + cmp.Or(e.By, "an operator") + ": " + hold + because(e.Reason) + held(e)
	case lockd.EventStepDown:
		return "step-down requested by " + cmp.Or(e.By, "an operator") + ": " + hold + stepDown(e)
	case lockd.EventDelayed:
		return "no holder, and not available yet" + because(e.Cause)
	case lockd.EventFree:
		return "free" + because(e.Cause)
	case lockd.EventMeta:
		return "new meta of " + hold + ": " + string(e.Meta)
	}
	return strings.TrimSpace(e.Type + " " + hold) // of a later version
}

func hold(holder string, token uint64) string {
	if token == 0 {
		return holder
	}
	return fmt.Sprintf("%s (token %d)", holder, token)
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}

func held(e lockd.Event) string {
	if e.Held == nil {
		return ""
	}
	return ", held for " + cells.Duration(*e.Held)
}

// vacancy describes the time before an acquire.
func vacancy(e lockd.Event) string {
	switch {
	case e.Vacancy == nil || e.Cause == "":
		return ""
	case *e.Vacancy == 0:
		return ", at once"
	}
	return ", after " + cells.Duration(*e.Vacancy) + " without a holder"
}

func stepDown(e lockd.Event) (text string) {
	if e.To != "" {
		text = ", for " + e.To
	}
	if e.Within != nil {
		text += ", within " + cells.Duration(*e.Within)
	}
	return text
}

func stateSentence(s *lockd.State) string {
	if s == nil {
		return "state not known"
	}
	text := s.State
	if len(s.Holders) > 0 || s.Holder != "" {
		text += " by " + Holders(s)
	}
	if s.QueueLength > 0 {
		text += ", " + waiters(s.QueueLength)
	}
	return text
}

// maxNamed is how many holders a sentence names.
const maxNamed = 3

// Holders names the holders of a lease.
func Holders(s *lockd.State) string {
	if len(s.Holders) == 0 {
		return hold(s.Holder, s.Token)
	}
	var names []string
	for _, h := range s.Holders[:min(len(s.Holders), maxNamed)] {
		names = append(names, hold(h.Holder, h.Token))
	}
	text := strings.Join(names, ", ")
	if more := max(s.HolderCount, len(s.Holders)) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func waiters(n int) string {
	if n == 1 {
		return "1 waiter"
	}
	return fmt.Sprintf("%d waiters", n)
}
