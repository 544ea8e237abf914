//go:build !linux

package segments

import "os"

// datasync returns when the file's data are on disk.
func datasync(f *os.File) error { return f.Sync() }
