package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"syscall"
	"time"
)

// A Command is what runs under guard.
type Command struct {
	Path string   // of the program
	Args []string // beginning with its name
	Env  []string

	// Foreground leaves the command in the caller's process group, where it may
	// read from the terminal and gets the signals of its keys by itself. Else it
	// has a group of its own.
	Foreground bool

	KillSignal syscall.Signal // asks it to end
	KillAfter  time.Duration  // how long it may take for that
}

// The exit codes of what could not be run, as of env, timeout and shells.
const (
	CodeFailed        = 125 // the guard itself failed
	CodeNotExecutable = 126
	CodeNotFound      = 127
	codeSignalled     = 128 // plus the number of the signal
)

// CodeOf is the exit code that shells give for an end by a signal.
func CodeOf(s syscall.Signal) int { return codeSignalled + int(s) }

// An Error says why a command could not be run, with the exit code that shells
// give for it.
type Error struct {
	Code   int
	Reason string
}

func (e *Error) Error() string { return e.Reason }

// Find looks for a program as a shell does, and returns its path. What fails is an
// *Error.
func Find(name string) (path string, err error) {
	if path, err = exec.LookPath(name); err != nil {
		var e *exec.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		return "", refusal(name, err)
	}
	return path, nil
}

func refusal(name string, err error) *Error {
	code := CodeFailed
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		code = CodeNotFound
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOEXEC), errors.Is(err, syscall.EISDIR):
		code = CodeNotExecutable
	}
	return &Error{Code: code, Reason: fmt.Sprintf("%s: %v", name, err)}
}
