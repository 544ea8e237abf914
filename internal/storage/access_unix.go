//go:build unix

package storage

import (
	"io/fs"
	"syscall"
)

// owner returns the user and the group that a file belongs to.
func owner(info fs.FileInfo) (uid, gid uint32, ok bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return s.Uid, s.Gid, true
}
