package lockd

import (
	"context"
	"math/rand/v2"
	"time"
)

// lookEvery bounds how late a jump of the wall clock is noticed: timers sleep
// through a suspension, and would go on with what was left of them.
const lookEvery = time.Second

// KeepAlive renews the lease in the background, each third of its TTL, until it
// is released, handed over or lost, and returns Context. All leases of a session
// that are kept are renewed in one call. An unknown outcome leaves the deadline
// as it was and is tried again at every address; at the deadline Context ends.
// More calls do no more.
func (l *Lease) KeepAlive() context.Context {
	return l.KeepAliveWhile(func() bool { return true })
}

// KeepAliveWhile is KeepAlive, but renews only where wanted, which must not wait
// for anything, says true at that moment. A lease that is wanted no more ends at
// its deadline, so that whoever was told of it may rely on it until then.
func (l *Lease) KeepAliveWhile(wanted func() bool) context.Context {
	l.keep.Do(func() {
		l.wanted = wanted
		go l.watchDeadline()
		l.c.renewals.join(l)
	})
	return l.ctx
}

// watchDeadline ends the lease when its time is up.
func (l *Lease) watchDeadline() {
	for {
		if !sleep(l.ctx, min(l.expire(), lookEvery)) {
			return
		}
	}
}

// expire ends the lease if its time is up, and returns when to look again.
func (l *Lease) expire() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.handing > 0 {
		return minMargin
	}
	left := l.remaining()
	if left <= 0 {
		// Under the mutex, so that a renewal's answer comes before or after.
		l.end(errDeadline)
	}
	return left
}

// renewInTime renews, and gives up at the local deadline.
func (l *Lease) renewInTime() error {
	left := l.Remaining()
	if left <= 0 {
		return nil // watchDeadline ends it, or a hand-over is under way
	}
	ctx, cancel := context.WithTimeout(l.ctx, left)
	defer cancel()
	return l.Renew(ctx)
}

// untilRenewal returns how long to wait for the next renewal: a third of the TTL
// after the last, up to a tenth of that less, so that holders do not march in
// step.
func (l *Lease) untilRenewal() time.Duration {
	third := l.third()
	return third - rand.N(third/10+1) - l.sinceSent()
}

// third is that of the TTL, or of what is left of it by a change.
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
