package leader

import "github.com/lockd/lockd/internal/fsm"

// A cleanUp is a CancelAcquire on its way into the log: the client of the attempt is gone.
// The holds that it ends are marked: their renewals have to pass through the log, after
// their end.
type cleanUp struct {
	attempt fsm.AttemptID
	marked  []fsm.Timer
}

// beginCleanUp prepares the clean-up of an attempt. A hold ends only if its grant is of
// this term, which alone knows that its holder has not renewed it since. It returns nil
// if there is nothing to clean up: the hold stays.
func (s *termState) beginCleanUp(m *fsm.Machine, c *fsm.CancelAcquire) *cleanUp {
	u := &cleanUp{attempt: c.AttemptID}
	h := m.Lease(c.Name).HoldOf(sessionIn(m, c.Session))
	switch owned := h != nil && h.AttemptID == c.AttemptID; {
	case !owned:
		s.cleanUps[c.AttemptID] = u
	case h.Granted > s.clock.stamp:
		s.mark(u, h)
		if len(u.marked) == 0 {
			return nil
		}
	default:
		return nil
	}
	return u
}

// endCleanUp ends a clean-up. If it was certainly not applied, its marks are removed.
func (s *termState) endCleanUp(u *cleanUp, applied bool) {
	delete(s.cleanUps, u.attempt)
	if applied {
		return
	}
	for _, t := range u.marked {
		s.deadlines.Unmark(t)
	}
}

// withdraw marks what an entry granted to attempts whose clean-up follows.
func (s *termState) withdraw(out *fsm.Applied) {
	for _, res := range out.Results {
		if res.Code != fsm.CodeGranted {
			continue
		}
		if res.Hold != nil {
			s.mark(s.cleanUps[res.Hold.AttemptID], res.Hold)
		}
		for _, h := range res.Holds {
			s.mark(s.cleanUps[h.Hold.AttemptID], h.Hold)
		}
	}
	for _, g := range out.Grants {
		s.mark(s.cleanUps[g.Hold.AttemptID], g.Hold)
	}
}

func (s *termState) mark(u *cleanUp, h *fsm.Hold) {
	if u != nil && s.deadlines.Withdraw(h.Token) {
		u.marked = append(u.marked, fsm.Timer{Kind: fsm.TimerHold, ID: h.Token, Seq: h.Seq})
	}
}
