// Package guard runs a command that must not outlive a lease.
//
// Two processes guard the command. The caller renews the lease and sends each new deadline to the
// second process, the watchdog. The watchdog is the parent of the command. It adopts every process
// that the command starts, even one in another session, so it knows when all of them have ended. It
// kills the command before the deadline by its own clock, even while the caller is stopped. It
// terminates the command if the caller dies. If the watchdog dies, the kernel kills the command,
// and the caller kills the processes that the command started. If the watchdog is stopped, the
// caller kills all of them.
//
// Limits: if both processes are stopped, or killed in the same moment, only the command itself is
// guarded. A process that runs as another user, or that is blocked in the kernel by a disk, cannot
// be killed.
//
// The package needs Linux: child subreapers, the parent death signal and a clock that includes
// suspensions are specific to that kernel.
package guard
