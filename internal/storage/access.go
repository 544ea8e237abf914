package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/storage/segments"
)

// unusable reports an error of the data directory. An error of the operating system,
// such as a missing permission or a full disk, is reported as that: the data are not
// damaged, and the remedy is another one.
func unusable(path string, err error) error {
	var denied *accessError
	if errors.As(err, &denied) {
		return err
	}
	var damage *segments.DamageError
	if errors.As(err, &damage) {
		path, err = damage.Path, damage.Err
	}
	if errors.Is(err, segments.ErrTooNew) {
		return fmt.Errorf("%s: %w", path, fsm.ErrTooNew)
	}
	if cause, ok := systemError(err); ok && cause != syscall.ENOENT {
		return newAccessError(path, cause, err)
	}
	return damaged(path, err) // or a part of it is missing
}

// reachable is unusable for an operation that cannot find damage: it returns an error
// that is not of the operating system as it is.
func reachable(path string, err error) error {
	var denied *accessError
	if cause, ok := systemError(err); ok && !errors.As(err, &denied) {
		return newAccessError(path, cause, err)
	}
	return err
}

// systemError returns the error number in err.
func systemError(err error) (cause syscall.Errno, ok bool) {
	ok = errors.As(err, &cause)
	return cause, ok
}

// An accessError is a file of the data directory that the operating system did not let
// lockd use.
type accessError struct {
	op, path string
	cause    syscall.Errno
	detail   string // who lockd runs as, and whose the file is
}

func newAccessError(path string, cause syscall.Errno, err error) *accessError {
	e := &accessError{op: "use", path: path, cause: cause}
	var at *fs.PathError
	var rename *os.LinkError
	switch {
	case errors.As(err, &at):
		e.op, e.path = at.Op, at.Path
	case errors.As(err, &rename):
		e.op, e.path = rename.Op, rename.New
	}
	e.detail = ownership(e.path)
	return e
}

func (e *accessError) Unwrap() error { return e.cause }

func (e *accessError) Error() string {
	return fmt.Sprintf("%s %q: %v (%s); %s", e.op, e.path, e.cause, e.detail, e.remedy())
}

// remedy returns what to do. It never advises to move data away: they are not damaged.
func (e *accessError) remedy() string {
	switch e.cause {
	case syscall.EACCES, syscall.EPERM:
		return "run lockd as the owner, or give the data directory to lockd's user with chown -R"
	case syscall.EROFS:
		return "mount the file system for writing, or pass another --data-dir"
	case syscall.ENOSPC, syscall.EDQUOT:
		return "free space on the file system, then start lockd again"
	case syscall.EMFILE, syscall.ENFILE:
		return "raise the limit of open files (ulimit -n, LimitNOFILE=), then start lockd again"
	case syscall.ELOOP, syscall.ENOTDIR, syscall.EISDIR, syscall.ENAMETOOLONG, syscall.EEXIST:
		return "correct the path, or pass another --data-dir"
	case syscall.ENOENT:
		return "create the directory, or pass another --data-dir"
	case syscall.EIO:
		return "the device reports an error: check the disk and the kernel's log before you start lockd again"
	}
	return "remove the cause, then start lockd again"
}

// ownership describes this process and the file; if the file cannot be examined, the
// nearest directory above it that can.
func ownership(path string) string {
	process := fmt.Sprintf("lockd runs as %d:%d", os.Getuid(), os.Getgid())
	for at := path; ; at = filepath.Dir(at) {
		if info, err := os.Lstat(at); err == nil {
			if uid, gid, ok := owner(info); ok {
				return fmt.Sprintf("%s; %q belongs to %d:%d, mode %04o", process, at, uid, gid, info.Mode().Perm())
			}
			return fmt.Sprintf("%s; %q has mode %04o", process, at, info.Mode().Perm())
		}
		if at == filepath.Dir(at) {
			return process
		}
	}
}

// prepareDir creates the data directory if it is missing, and checks that this process
// can use it. It logs a warning if other users can open it.
func prepareDir(dir string, log *slog.Logger) error {
	if err := makeDir(dir); err != nil {
		return reachable(dir, err)
	}
	return checkDir(dir, log)
}

// makeDir creates a private directory, unless it is there.
func makeDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.MkdirAll(dir, 0o700)
	case err == nil && !info.IsDir():
		return &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	return err
}

// checkDir is prepareDir for a directory that must exist.
func checkDir(dir string, log *slog.Logger) error {
	info, err := os.Stat(dir)
	if err != nil {
		return reachable(dir, err)
	}
	// A file of its own shows what the modes do not: a read-only file system, a full
	// one, or a rule of the kernel.
	probe := filepath.Join(dir, probeFile)
	if err := os.WriteFile(probe, []byte("lockd"), 0o600); err != nil {
		_ = removeIfThere(probe) // the first error is the one to report
		return reachable(probe, err)
	}
	if err := removeIfThere(probe); err != nil {
		return reachable(probe, err)
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		log.Warn("other users can open the data directory, which contains sessions: run chmod 700 on it",
			"dir", dir, "mode", fmt.Sprintf("%04o", mode))
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// probeFile is written and removed to see whether a directory can be written to.
const probeFile = ".lockd-probe"
