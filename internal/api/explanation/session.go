package explanation

import (
	"fmt"

	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
)

// States of a Session.
const (
	holds = "holds"
	waits = "waits"
	none  = "none"
)

// maxBefore is how many waiters before a session are shown.
const maxBefore = 16

func sessionOf(v *fsm.View, a *fsm.Answer) *Session {
	s := &Session{State: none, Token: a.Own.Token, Position: a.Own.Position}
	for _, e := range a.Events {
		// A hold that was broken ends after the event of the break.
		if s.LastEnd == nil && isEnd(e.Type) && (e.Revision == a.Own.Ended || e.Token == a.Own.Last) {
			s.LastEnd = endOf(e, a.Events)
		}
	}
	switch {
	case s.Token != 0:
		s.State, s.Detail = holds, fmt.Sprintf("Your session holds it (token %d).", s.Token)
	case s.Position != 0:
		s.State, s.Detail = waits, waitText(s.Position-1)
		for _, t := range v.Lease.Queue[:min(s.Position-1, maxBefore, len(v.Lease.Queue))] {
			s.Before = append(s.Before, view.Waiter{Holder: t.Holder, Priority: t.Priority, Waiting: max(v.Now-t.Queued, 0)})
		}
	case s.LastEnd != nil:
		s.Detail = "Your session does not hold it and does not wait for it. Its last hold: " + s.LastEnd.Detail
	case a.Own.Ended != 0:
		s.Detail = fmt.Sprintf("Your session does not hold it and does not wait for it: its last hold or wait ended at revision %d.", a.Own.Ended)
	default:
		s.Detail = "Your session does not hold it and does not wait for it."
	}
	return s
}

func waitText(before int) string {
	switch before {
	case 0:
		return "Your session is the next in the queue."
	case 1:
		return "1 waiter is before your session."
	}
	return fmt.Sprintf("%d waiters are before your session.", before)
}

// lastEnd returns how the last hold of a lease ended, or nil if that is not known.
func lastEnd(events []*fsm.Event) *End {
	for _, e := range events {
		if isEnd(e.Type) {
			return endOf(e, events)
		}
	}
	return nil
}

// isEnd reports whether an event is the end of a hold. A break is: the hold is refused from then on.
func isEnd(t fsm.EventType) bool {
	switch t {
	case fsm.EventReleased, fsm.EventExpired, fsm.EventBroken, fsm.EventTransferred, fsm.EventReclaimed:
		return true
	}
	return false
}

func endOf(e *fsm.Event, events []*fsm.Event) *End {
	r := e.Requested()
	end := &End{
		Holder: e.Holder, Token: e.Token, How: e.Type.String(), At: view.Time(e.Wall), Held: &e.Held,
		By: r.By, Reason: r.Reason, To: r.To, Revision: e.Revision,
	}
	switch e.Type {
	case fsm.EventExpired:
		end.Detail = fmt.Sprintf("%s (token %d) stopped renewing, and the hold ended by its TTL after %s.", e.Holder, e.Token, Text(e.Held))
	case fsm.EventBroken:
		end.Detail = fmt.Sprintf("%s broke the hold of %s (token %d) after %s: %s.", r.By, e.Holder, e.Token, Text(e.Held), r.Reason)
	case fsm.EventTransferred:
		end.Detail = fmt.Sprintf("%s (token %d) transferred it to %s after %s.", e.Holder, e.Token, r.To, Text(e.Held))
	case fsm.EventReclaimed:
		end.Detail = fmt.Sprintf("The session of %s (token %d) reclaimed it after %s.", e.Holder, e.Token, Text(e.Held))
	default:
		end.Detail = fmt.Sprintf("%s (token %d) released it after %s.", e.Holder, e.Token, Text(e.Held))
		if by := asked(e, events); by != "" {
			end.Detail += fmt.Sprintf(" %s had asked it to step down.", by)
			end.By = by
		}
	}
	return end
}

// asked returns who asked the hold of an event to step down, or "".
func asked(end *fsm.Event, events []*fsm.Event) string {
	for _, e := range events {
		if e.Type == fsm.EventStepDown && e.Token == end.Token {
			return e.Requested().By
		}
	}
	return ""
}
