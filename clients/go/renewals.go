package lockd

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// maxTogether is how many leases one renewal may name.
const maxTogether = 256

// renewals are the sessions of a Client whose leases are kept.
type renewals struct {
	// mu guards the rest, and the leases of each session.
	mu       sync.Mutex
	sessions map[string]*keptSession
}

// A keptSession renews the leases of one session together.
type keptSession struct {
	all     *renewals
	leases  []*Lease
	changed chan struct{} // takes one word that a lease was added or has ended
}

// join keeps a lease until it ends.
func (r *renewals) join(l *Lease) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sessions[l.Session]
	if s == nil {
		if r.sessions == nil {
			r.sessions = make(map[string]*keptSession)
		}
		s = &keptSession{all: r, changed: make(chan struct{}, 1)}
		r.sessions[l.Session] = s
		go s.run(l.Session)
	}
	s.leases = append(s.leases, l)
	context.AfterFunc(l.ctx, s.tell)
	s.tell()
}

func (s *keptSession) tell() {
	select {
	case s.changed <- struct{}{}:
	default: // it has not heard of the last yet
	}
}

// living forgets what has ended. Where nothing is left the session is no longer
// kept, and whoever joins later begins anew.
func (s *keptSession) living(session string) []*Lease {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	s.leases = slices.DeleteFunc(s.leases, func(l *Lease) bool { return l.ctx.Err() != nil })
	if len(s.leases) == 0 {
		delete(s.all.sessions, session)
	}
	return slices.Clone(s.leases)
}

// run renews until no lease is left.
func (s *keptSession) run(session string) {
	pause, next := minPause, time.Duration(0)
	for {
		leases := s.living(session)
		if len(leases) == 0 {
			return
		}
		due := next
		for i, l := range leases {
			if until := max(l.untilRenewal(), next); i == 0 || until < due {
				due = until
			}
		}
		timer := time.NewTimer(due)
		select {
		case <-s.changed:
			timer.Stop()
			continue
		case <-timer.C:
		}
		if renewTogether(leases) {
			pause, next = minPause, minPause
			continue
		}
		next, pause = jitter(pause), min(2*pause, maxPause)
	}
}

// renewTogether renews those of a session's leases that are due or will be soon,
// and reports whether no attempt failed.
func renewTogether(leases []*Lease) bool {
	leases = slices.DeleteFunc(leases, func(l *Lease) bool { return l.sinceSent() < l.third()/2 })
	some := len(leases)
	leases = slices.DeleteFunc(leases, func(l *Lease) bool { return !l.mayBeRenewed() })
	ok := some == 0 || len(leases) > 0 // what is not wanted may be wanted again, soon
	for part := range slices.Chunk(leases, maxTogether) {
		if len(part) == 1 {
			ok = kept(part[0].renewInTime()) && ok
		} else {
			ok = renewPart(part) && ok
		}
	}
	return ok
}

// kept reports whether a renewal got an answer that stands.
func kept(err error) bool { return err == nil || errors.Is(err, ErrLost) }

// renewPart renews leases of one session in one call. What the answer leaves out,
// or says to be lost, is asked for alone, to be told how it was lost.
func renewPart(part []*Lease) bool {
	left, ttl := part[0].Remaining(), part[0].Grant().TTL.Duration()
	var held []Held
	for _, l := range part {
		held = append(held, Held{Name: l.Name, Token: l.Token})
		left, ttl = min(left, l.Remaining()), min(ttl, l.Grant().TTL.Duration())
	}
	ctx, cancel := context.WithTimeout(context.Background(), left)
	defer cancel()
	answer, sent, err := part[0].c.renewSession(ctx, part[0].Session, held, ttl)
	if !kept(err) {
		return false
	}
	if err == nil {
		part = slices.DeleteFunc(slices.Clone(part), func(l *Lease) bool { return l.renewedBy(answer, sent) })
	}
	ok := true
	for _, l := range part {
		ok = kept(l.renewInTime()) && ok
	}
	return ok
}

// renewedBy takes what the answer about a session says of this lease, and reports
// whether that is anything.
func (l *Lease) renewedBy(answer *SessionLeases, sent instant) bool {
	i := slices.IndexFunc(answer.Leases, func(s SessionLease) bool { return s.Name == l.Name && s.Token == l.Token })
	if i < 0 {
		return false
	}
	g := l.Grant()
	g.Waited, g.ExpiresIn = answer.Waited, answer.Leases[i].ExpiresIn
	g.StepDown, g.Revision, g.Previous = answer.Leases[i].StepDown, answer.Revision, nil
	l.extend(g, sent, 0)
	return true
}

// mayBeRenewed reports whether a renewal is wanted, and would not cross a change
// that is under way.
func (l *Lease) mayBeRenewed() bool {
	l.mu.Lock()
	busy := l.handing > 0 || l.changing > 0
	l.mu.Unlock()
	return !busy && l.wanted()
}
