//go:build unix

package app

import "golang.org/x/sys/unix"

// openFilesLimit returns the maximum number of open files of the process. Go has raised the soft limit to the hard
// limit.
func openFilesLimit() (limit uint64, known bool) {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 0, false
	}
	return uint64(l.Cur), true //nolint:unconvert // the type is signed on some systems
}
