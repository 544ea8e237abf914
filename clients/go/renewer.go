package lockd

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// maxRenewBatch is the largest number of leases in one renewal.
const maxRenewBatch = 256

// deniedPerThird is how often renewals are repeated in a third of the TTL while they are refused for
// their credentials. Nodes count such requests, and refuse an address with more than 20 a minute.
const deniedPerThird = 4

// renewer renews the kept leases of a Client in the background.
type renewer struct {
	// mu guards sessions, and the leases of each session.
	mu       sync.Mutex
	sessions map[string]*sessionRenewer
}

// A sessionRenewer renews the kept leases of one session together.
type sessionRenewer struct {
	all     *renewer
	leases  []*Lease
	changed chan struct{} // receives a value when a lease was added or has ended
}

// add renews a lease until it ends.
func (r *renewer) add(l *Lease) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sessions[l.Session]
	if s == nil {
		if r.sessions == nil {
			r.sessions = make(map[string]*sessionRenewer)
		}
		s = &sessionRenewer{all: r, changed: make(chan struct{}, 1)}
		r.sessions[l.Session] = s
		go s.run(l.Session)
	}
	s.leases = append(s.leases, l)
	context.AfterFunc(l.ctx, s.notify)
	s.notify()
}

func (s *sessionRenewer) notify() {
	select {
	case s.changed <- struct{}{}:
	default: // a notification is already pending
	}
}

// activeLeases removes the leases that have ended and returns the rest. If none is left, the
// session is removed; a later add starts a new sessionRenewer.
func (s *sessionRenewer) activeLeases(session string) []*Lease {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	s.leases = slices.DeleteFunc(s.leases, func(l *Lease) bool { return l.ctx.Err() != nil })
	if len(s.leases) == 0 {
		delete(s.all.sessions, session)
	}
	return slices.Clone(s.leases)
}

// run renews until no lease is left.
func (s *sessionRenewer) run(session string) {
	pause, next := minPause, time.Duration(0)
	for {
		leases := s.activeLeases(session)
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
		err := renewDue(slices.Clone(leases))
		leases[0].c.tokens.renewed(err)
		switch {
		case isAnswer(err):
			pause, next = minPause, minPause
			continue
		case isDenied(err):
			pause = max(pause, shortestThird(leases)/deniedPerThird)
			next = jitter(pause)
			continue
		}
		for _, l := range leases {
			l.c.metrics.SlowpathExercised(l.Name)
		}
		next, pause = jitter(pause), min(2*pause, maxPause)
	}
}

func shortestThird(leases []*Lease) time.Duration {
	shortest := maxTTL
	for _, l := range leases {
		shortest = min(shortest, l.third())
	}
	return shortest
}

// errUnwanted is the outcome of a renewal that was not sent, because no lease is wanted now.
var errUnwanted = errors.New("not wanted")

// renewDue renews the leases of a session that are due now or soon. It returns an error of the
// attempts, if there was one that isAnswer does not accept.
func renewDue(leases []*Lease) error {
	leases = slices.DeleteFunc(leases, func(l *Lease) bool { return l.sinceSent() < l.third()/2 })
	some := len(leases)
	leases = slices.DeleteFunc(leases, func(l *Lease) bool { return !l.canRenew() })
	var failed error
	if some > 0 && len(leases) == 0 {
		failed = errUnwanted // they may be wanted again soon
	}
	for part := range slices.Chunk(leases, maxRenewBatch) {
		if len(part) == 1 {
			failed = worse(failed, part[0].renewInTime())
		} else {
			failed = worse(failed, renewBatch(part))
		}
	}
	return failed
}

// worse returns the error that is repeated sooner: a failure of a node or of the network, then a
// refusal for the credentials, then an answer.
func worse(a, b error) error {
	if isAnswer(a) || isDenied(a) && !isAnswer(b) {
		return b
	}
	return a
}

// isAnswer reports whether a renewal got a final response.
func isAnswer(err error) bool { return err == nil || errors.Is(err, ErrLost) }

// renewBatch renews leases of one session in one call. A lease that is missing in the response is
// renewed separately, to find out how it was lost. So are all of them if the call is not allowed:
// that may be because of one of them.
func renewBatch(part []*Lease) error {
	left, ttl := part[0].Remaining(), part[0].Grant().TTL.Duration()
	var held []Held
	for _, l := range part {
		held = append(held, Held{Name: l.Name, Token: l.Token})
		left, ttl = min(left, l.Remaining()), min(ttl, l.Grant().TTL.Duration())
	}
	ctx, cancel := context.WithTimeout(context.Background(), left)
	defer cancel()
	answer, sent, err := part[0].c.renewSession(ctx, part[0].Session, held, ttl)
	if !isAnswer(err) && !errors.Is(err, ErrNotAllowed) {
		return err
	}
	if err == nil {
		part = slices.DeleteFunc(slices.Clone(part), func(l *Lease) bool { return l.applyRenewal(answer, sent) })
	}
	var failed error
	for _, l := range part {
		failed = worse(failed, l.renewInTime())
	}
	return failed
}

// applyRenewal applies the response about a session to this lease. It returns false if the response
// does not contain the lease.
func (l *Lease) applyRenewal(answer *SessionLeases, sent instant) bool {
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

// canRenew reports whether a renewal is wanted and does not overlap a transfer or a change of the
// TTL.
func (l *Lease) canRenew() bool {
	l.mu.Lock()
	busy := l.transferring > 0 || l.changing > 0
	l.mu.Unlock()
	return !busy && l.wanted()
}

// clockCheckInterval limits how late a jump of the wall clock is noticed. A timer does not advance
// during a suspension.
const clockCheckInterval = time.Second

// KeepAlive renews the lease in the background, at each third of its TTL, until the lease is
// released, transferred or lost. It returns Context. All kept leases of a session are renewed in
// one call. After an unknown outcome the deadline is unchanged and the renewal is repeated at every
// address. A renewal that is refused for its credentials (401 or 403) is repeated too: it is no loss.
// At the deadline Context ends. Further calls have no effect.
func (l *Lease) KeepAlive() context.Context {
	return l.KeepAliveWhile(func() bool { return true })
}

// KeepAliveWhile is KeepAlive, but renews only while wanted returns true. wanted must not block. A
// lease that is no longer wanted ends at its deadline, so that others can rely on it until then.
func (l *Lease) KeepAliveWhile(wanted func() bool) context.Context {
	l.keep.Do(func() {
		l.wanted = wanted
		go l.watchDeadline()
		l.c.renewer.add(l)
	})
	return l.ctx
}

// watchDeadline ends the lease at its deadline.
func (l *Lease) watchDeadline() {
	for {
		if !sleep(l.ctx, min(l.expire(), clockCheckInterval)) {
			return
		}
	}
}

// expire ends the lease if its deadline has passed. It returns the time until the next check.
func (l *Lease) expire() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.transferring > 0 {
		return minMargin
	}
	left := l.remaining()
	if left <= 0 {
		// End it under the mutex, so that the response to a renewal is applied either before or
		// after.
		l.end(errDeadline)
	}
	return left
}

// renewInTime renews the lease, and gives up at the local deadline.
func (l *Lease) renewInTime() error {
	left := l.Remaining()
	if left <= 0 {
		return nil // watchDeadline ends the lease, or a transfer is in progress
	}
	ctx, cancel := context.WithTimeout(l.ctx, left)
	defer cancel()
	return l.Renew(ctx)
}

// untilRenewal returns the time until the next renewal: a third of the TTL after the last one,
// reduced by up to a tenth at random, so that holders do not renew in lockstep.
func (l *Lease) untilRenewal() time.Duration {
	third := l.third()
	return third - rand.N(third/10+1) - l.sinceSent()
}

// third returns a third of the TTL, or of the rest of it after a change.
func (l *Lease) third() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return min(l.grant.TTL.Duration(), l.valid) / timeoutsPerTTL
}

func (l *Lease) sinceSent() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.c.clock().since(l.sent)
}
