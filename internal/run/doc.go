// Package run runs a command while a lease is held. Lock runs it once. Elect runs it in each period in which this
// process leads. Both acquire the lease, run the command under a guard, report a loss, release the lease, and return
// the exit code of the program as a Result.
//
// Package guard, below this one, guarantees that the command is dead before another session can acquire the lease. This
// package renews the lease meanwhile, passes the signals of this process on, and writes log lines and, for Elect, the
// status for systemd.
package run
