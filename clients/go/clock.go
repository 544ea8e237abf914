package lockd

import "time"

// An instant is one reading of the machine's clocks.
type instant struct {
	at   time.Time     // monotonic: never jumps, but stands still in a suspended machine
	boot time.Duration // since the machine began, suspensions counted; 0 where it has no such clock
	wall time.Time     // counts a suspension everywhere, also of a virtual machine, but may be set
}

// clock reads the time. Tests replace it to jump.
type clock func() instant

func systemClock() instant {
	now := time.Now()
	return instant{at: now, boot: sinceBoot(), wall: now.Round(0)}
}

// since returns how much time has passed since then, for a holder that must
// rather stop too early: a forward jump of the wall clock may have been a
// suspension and counts as elapsed, a backward jump counts for nothing.
func (i instant) since(then instant) time.Duration {
	return max(i.at.Sub(then.at), i.boot-then.boot, i.wall.Sub(then.wall))
}
