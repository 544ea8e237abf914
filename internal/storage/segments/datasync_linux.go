package segments

import (
	"errors"
	"os"
	"syscall"
)

// datasync returns when the file's data are on disk. Unlike fsync it does not write the time
// of the change.
func datasync(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
