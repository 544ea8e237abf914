package lockd

import "time"

// An instant is one reading of the machine's clocks.
type instant struct {
	at   time.Time     // monotonic: never jumps, but does not advance while the machine is suspended
	boot time.Duration // time since boot, including suspensions; 0 if the system has no such clock
	wall time.Time     // includes suspensions, also those of a virtual machine, but can be set
}

// clock reads the time. Tests replace it.
type clock func() instant

func systemClock() instant {
	now := time.Now()
	return instant{at: now, boot: sinceBoot(), wall: now.Round(0)}
}

// since returns how much time has passed since then. It errs on the long side, because a holder
// must stop too early rather than too late: a forward jump of the wall clock may be a suspension
// and counts as elapsed; a backward jump is ignored.
func (i instant) since(then instant) time.Duration {
	return max(i.at.Sub(then.at), i.boot-then.boot, i.wall.Sub(then.wall))
}
