package reign

import "github.com/lockd/lockd/internal/fsm"

// Leaving is one clean-up on its way into the log, with the holds that were
// marked for it: their renewals have to pass through the log, behind their end.
type Leaving struct {
	attach fsm.Attach
	marked []fsm.Timer
}

// Leave prepares the clean-up after a client that is gone. A hold ends only
// where its grant is of this term, which alone knows that its holder has not
// renewed it since. Nil means that there is nothing to clean up: the hold stays.
func (r *Reign) Leave(m *fsm.Machine, c *fsm.Leave) *Leaving {
	l := &Leaving{attach: c.Attach}
	h := m.Lease(c.Name).HoldOf(c.Session)
	switch owned := h != nil && h.Attach == c.Attach; {
	case !owned:
		r.leaving[c.Attach] = l
	case h.Granted > r.Clock.Stamp:
		r.mark(l, h)
		if len(l.marked) == 0 {
			return nil
		}
	default:
		return nil
	}
	return l
}

// Left ends a clean-up. Where it was surely not applied, its marks are taken back.
func (r *Reign) Left(l *Leaving, applied bool) {
	delete(r.leaving, l.attach)
	if applied {
		return
	}
	for _, t := range l.marked {
		r.Book.Undecided(t)
	}
}

// withdraw marks what an entry granted to attempts whose clean-up follows.
func (r *Reign) withdraw(out *fsm.Applied) {
	for _, res := range out.Results {
		if res.Code != fsm.CodeGranted {
			continue
		}
		if res.Hold != nil {
			r.mark(r.leaving[res.Hold.Attach], res.Hold)
		}
		for _, h := range res.Holds {
			r.mark(r.leaving[h.Hold.Attach], h.Hold)
		}
	}
	for _, g := range out.Grants {
		r.mark(r.leaving[g.Hold.Attach], g.Hold)
	}
}

func (r *Reign) mark(l *Leaving, h *fsm.Hold) {
	if l != nil && r.Book.Withdraw(h.Token) {
		l.marked = append(l.marked, fsm.Timer{Kind: fsm.TimerHold, ID: h.Token, Seq: h.Seq})
	}
}
