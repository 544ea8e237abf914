//go:build linux

package guard

import (
	"time"

	"golang.org/x/sys/unix"
)

// A deadline is a moment on clocks that all processes of a machine share. It comes
// when the first of them says so: the boot time counts what the machine was
// suspended for, and a forward jump of the wall clock may have been a pause of the
// virtual machine.
type deadline struct {
	Boot time.Duration // since the machine began
	Wall time.Duration // since 1970
}

// in returns the deadline that comes after d.
func in(d time.Duration) deadline { return readClocks().plus(d) }

// endOf returns the deadline of a lease. The clocks are read first: whoever is
// stopped before it asks what remains gets less, and never more.
func endOf(l Lease) deadline {
	now := readClocks()
	return now.plus(l.Remaining())
}

func (d deadline) plus(more time.Duration) deadline {
	return deadline{Boot: d.Boot + more, Wall: d.Wall + more}
}

// left returns how long it is until then.
func (d deadline) left() time.Duration {
	now := readClocks()
	return min(d.Boot-now.Boot, d.Wall-now.Wall)
}

// readClocks cannot fail: both clocks are there since Linux 2.6.39.
func readClocks() deadline {
	var boot, wall unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil || unix.ClockGettime(unix.CLOCK_REALTIME, &wall) != nil {
		panic("guard: no clock")
	}
	return deadline{Boot: time.Duration(boot.Nano()), Wall: time.Duration(wall.Nano())}
}
