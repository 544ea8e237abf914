package lockd

import (
	"syscall"
	"time"
	"unsafe"
)

// clockBoottime is CLOCK_BOOTTIME, which the syscall package does not name. Go's
// own monotonic time is CLOCK_MONOTONIC.
const clockBoottime = 7

// sinceBoot returns the time since the machine began, with all that it was
// suspended for.
func sinceBoot() time.Duration {
	var t syscall.Timespec
	_, _, failed := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&t)), 0)
	if failed != 0 {
		return 0
	}
	return time.Duration(t.Nano())
}
