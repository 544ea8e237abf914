package lockd

import (
	"syscall"
	"time"
	"unsafe"
)

// clockBoottime is CLOCK_BOOTTIME, which package syscall does not define. Go's monotonic time is
// CLOCK_MONOTONIC.
const clockBoottime = 7

// sinceBoot returns the time since boot, including suspensions.
func sinceBoot() time.Duration {
	var t syscall.Timespec
	_, _, failed := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&t)), 0) //nolint:gosec // as in package syscall
	if failed != 0 {
		return 0
	}
	return time.Duration(t.Nano())
}
