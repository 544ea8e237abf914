// Package guard runs a command that must not outlive a lease.
//
// Two processes guard it. The caller renews the lease and tells the other, the
// watchdog, each new deadline. The watchdog is the command's parent. It adopts
// all that the command starts, wherever that puts itself, and so knows when all of
// it has ended. Before the deadline it kills the command by its own clock, also
// while the caller is stopped, and it ends the command where the caller has died.
// Where the watchdog dies, the kernel kills the command, and the caller kills what
// that had started. Where the watchdog is stopped, the caller kills all.
//
// What remains: both of them stopped, or killed in the same moment, guard nothing
// but the command itself; and nobody can kill what runs as another user, or waits
// in the kernel for a disk.
//
// It needs Linux: adoption, the signal at a parent's death and a clock that counts
// suspensions are that kernel's.
package guard
