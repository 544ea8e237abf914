//go:build unix

package main

import "syscall"

// keepFilesPrivate makes new files readable by lockd's user only, because they contain sessions.
func keepFilesPrivate() { syscall.Umask(0o077) }
