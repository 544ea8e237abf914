package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"syscall"
	"time"
)

// A Command is a command that Run runs under guard.
type Command struct {
	Path string   // of the program
	Args []string // starting with its name
	Env  []string

	// Foreground keeps the command in the caller's process group. There it can read from the
	// terminal and receives the signals of its keys directly. Otherwise it gets a group of its own.
	Foreground bool

	KillSignal syscall.Signal // asks it to terminate
	KillAfter  time.Duration  // how long it may take to terminate
}

// Exit codes for commands that could not be run, as in env, timeout and shells.
const (
	CodeFailed        = 125 // the guard failed
	CodeNotExecutable = 126
	CodeNotFound      = 127
	codeSignalled     = 128 // plus the signal number
)

// CodeOf returns the exit code that shells use for a process that a signal ended.
func CodeOf(s syscall.Signal) int { return codeSignalled + int(s) }

// An Error is the reason why a command could not be run, with the exit code that shells use for it.
type Error struct {
	Code   int
	Reason string
}

func (e *Error) Error() string { return e.Reason }

// Find looks up a program as a shell does, and returns its path. Its errors are of type *Error.
func Find(name string) (path string, err error) {
	if path, err = exec.LookPath(name); err != nil {
		var e *exec.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		return "", startError(name, err)
	}
	return path, nil
}

func startError(name string, err error) *Error {
	code := CodeFailed
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		code = CodeNotFound
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOEXEC), errors.Is(err, syscall.EISDIR):
		code = CodeNotExecutable
	}
	return &Error{Code: code, Reason: fmt.Sprintf("%s: %v", name, err)}
}
