//go:build unix

package main

import "syscall"

// keepFilesPrivate makes all files that are created from now on readable for lockd's
// user only: they contain sessions.
func keepFilesPrivate() { syscall.Umask(0o077) }
