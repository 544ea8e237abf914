//go:build linux

package guard

import (
	"time"

	"golang.org/x/sys/unix"
)

// A deadline is a point in time on clocks that all processes of a machine share. It has passed when
// it has passed on either clock: the boot time includes suspensions of the machine, and a forward
// jump of the wall clock may be a pause of the virtual machine.
type deadline struct {
	Boot time.Duration // since boot
	Wall time.Duration // since 1970
}

// after returns the deadline d from now.
func after(d time.Duration) deadline { return readClocks().plus(d) }

// deadlineOf returns the deadline of a lease. It reads the clocks first: if the process is stopped
// before it calls Remaining, the deadline is too early and never too late.
func deadlineOf(l Lease) deadline {
	now := readClocks()
	return now.plus(l.Remaining())
}

func (d deadline) plus(more time.Duration) deadline {
	return deadline{Boot: d.Boot + more, Wall: d.Wall + more}
}

// left returns the time until the deadline.
func (d deadline) left() time.Duration {
	now := readClocks()
	return min(d.Boot-now.Boot, d.Wall-now.Wall)
}

// readClocks reads both clocks. It cannot fail, because Linux has both since 2.6.39.
func readClocks() deadline {
	var boot, wall unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil || unix.ClockGettime(unix.CLOCK_REALTIME, &wall) != nil {
		panic("guard: no clock")
	}
	return deadline{Boot: time.Duration(boot.Nano()), Wall: time.Duration(wall.Nano())}
}
