//go:build unix

package app

import "golang.org/x/sys/unix"

// openFilesLimit returns how many files the process may have open. Go has raised the soft limit to the hard one.
func openFilesLimit() (limit uint64, known bool) {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 0, false
	}
	return uint64(l.Cur), true //nolint:unconvert // it is signed on some systems
}
