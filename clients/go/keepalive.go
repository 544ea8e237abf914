package lockd

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// lookEvery bounds how late a jump of the wall clock is noticed: timers sleep
// through a suspension, and would go on with what was left of them.
const lookEvery = time.Second

// KeepAlive renews the lease in the background, each third of its TTL, until it
// is released, handed over or lost, and returns Context. An unknown outcome
// leaves the deadline as it was and is tried again at every address; at the
// deadline Context ends. More calls do no more.
func (l *Lease) KeepAlive() context.Context {
	l.keep.Do(func() {
		go l.watchDeadline()
		go l.renewLoop()
	})
	return l.ctx
}

// watchDeadline ends the lease when its time is up.
func (l *Lease) watchDeadline() {
	for {
		l.mu.Lock()
		left := l.remaining()
		switch {
		case l.handing > 0:
			left = minMargin
		case left <= 0:
			// Under the mutex, so that a renewal's answer comes before or after.
			l.end(errDeadline)
		}
		l.mu.Unlock()
		if !sleep(l.ctx, min(left, lookEvery)) {
			return
		}
	}
}

// renewLoop renews until the lease ends.
func (l *Lease) renewLoop() {
	pause := minPause
	for sleep(l.ctx, l.untilRenewal()) {
		err := l.renewInTime()
		if err == nil {
			pause = minPause
			continue
		}
		if errors.Is(err, ErrLost) || !sleep(l.ctx, jitter(pause)) {
			return
		}
		pause = min(2*pause, maxPause)
	}
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
	l.mu.Lock()
	defer l.mu.Unlock()
	third := l.grant.TTL.Duration() / timeoutsPerTTL
	due := third - rand.N(third/10+1)
	return max(due-l.c.clock().since(l.sent), minPause)
}
