//go:build linux

package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// openDir opens a data directory as a node does when it starts.
func openDir(dir string) error {
	s, err := Open(Options{Dir: dir, Create: true, Fail: func(error) {}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	_, err = s.LoadIdentity("solo")
	return errors.Join(err, s.Close())
}

// openAsAnother is openDir by a user who owns nothing. The kernel checks files by the
// thread's file system user.
func openAsAnother(dir string) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		if os.Getuid() == 0 {
			_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, 65532, 0, 0) // it returns the former user
		}
		done <- openDir(dir)
	}()
	return <-done
}

// usedDir returns a data directory in which a node has a log, a snapshot and a name.
func usedDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := openDir(dir); err != nil {
		t.Fatal(err)
	}
	s := storesFor(t, dir, nil)
	logOf(t, s, 1, 9)
	if _, err := put(s.snapshots, 5, snapshotBytes(t, machineAt(5))); err != nil {
		t.Fatal(err)
	}
	s.Close()
	return dir
}

// What the operating system refuses is reported as that, with the path, and never as
// damage: the data are whole.
func TestSystemErrorsAreNotDamage(t *testing.T) {
	at := func(name string) func(dir string) string {
		return func(dir string) string {
			found, _ := filepath.Glob(filepath.Join(dir, name))
			return found[0]
		}
	}
	for name, c := range map[string]struct {
		path  func(dir string) string
		spoil func(path string) error
		want  syscall.Errno
	}{
		"the log is another user's":        {at("raft.db"), private, syscall.EACCES},
		"the identity is another user's":   {at("node.json"), private, syscall.EACCES},
		"a snapshot is another user's":     {at("snapshots/1-*"), private, syscall.EACCES},
		"its state is another user's":      {at("snapshots/1-*/state.bin"), private, syscall.EACCES},
		"its meta is another user's":       {at("snapshots/1-*/meta.json"), private, syscall.EACCES},
		"the snapshots are another user's": {at("snapshots"), private, syscall.EACCES},
		"the directory is another user's":  {at(""), private, syscall.EACCES},
		"the directory cannot be written":  {at(""), func(p string) error { return os.Chmod(p, 0o555) }, syscall.EACCES},
		"the log is a loop":                {at("raft.db"), loop, syscall.ELOOP},
		"the identity is a loop":           {at("node.json"), loop, syscall.ELOOP},
		"the snapshots are a loop":         {at("snapshots"), loop, syscall.ELOOP},
		"the directory is a loop":          {at(""), loop, syscall.ELOOP},
		"the log is a directory":           {at("raft.db"), directory, syscall.EISDIR},
		"the identity is a directory":      {at("node.json"), directory, syscall.EISDIR},
		"the snapshots are a file":         {at("snapshots"), file, syscall.ENOTDIR},
		"the directory is a file":          {at(""), file, syscall.ENOTDIR},
	} {
		t.Run(name, func(t *testing.T) {
			dir := usedDir(t)
			if err := allowAll(dir); err != nil {
				t.Fatal(err)
			}
			path := filepath.Clean(c.path(dir))
			if err := c.spoil(path); err != nil {
				t.Fatal(err)
			}
			err := openAsAnother(dir)
			isNotDamage(t, err, c.want)
			if err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("it does not name %s: %v", path, err)
			}
		})
	}
}

func isNotDamage(t *testing.T, err error, want syscall.Errno) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
		return
	}
	text := err.Error()
	for _, part := range []string{fmt.Sprintf("lockd runs as %d:%d", os.Getuid(), os.Getgid()), "belongs to ", "mode 0"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not contain %q", text, part)
		}
	}
	for _, wrong := range []string{"damaged", "move", "recover"} {
		if strings.Contains(strings.ReplaceAll(text, "remove the cause", ""), wrong) {
			t.Errorf("%q contains %q", text, wrong)
		}
	}
}

// allowAll gives all of a directory to everyone, so that the test's other user can open it.
func allowAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.Chmod(path, 0o777)
		}
		return os.Chmod(path, 0o666)
	})
}

func private(path string) error { return os.Chmod(path, 0) }

func loop(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	return os.Symlink(path, path)
}

func directory(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o755)) }

func file(path string) error { return errors.Join(os.RemoveAll(path), os.WriteFile(path, nil, 0o644)) }

// Each error of the operating system has a remedy that does not move the data.
func TestEveryErrorOfTheSystemHasARemedy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raft.db")
	for _, cause := range []syscall.Errno{
		syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE,
		syscall.ELOOP, syscall.ENOTDIR, syscall.EISDIR, syscall.EIO, syscall.EBUSY, syscall.ENOMEM,
	} {
		for _, err := range []error{
			cause, &fs.PathError{Op: "open", Path: path, Err: cause}, &os.LinkError{Op: "rename", Old: path, New: path, Err: cause},
		} {
			isNotDamage(t, unusable(path, fmt.Errorf("entry 7: %w", err)), cause)
			isNotDamage(t, reachable(path, err), cause)
		}
	}
	if err := unusable(path, errors.New("its checksum does not match")); !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("damage is reported as %v", err)
	}
}

// The process has no file descriptor left.
func TestNoFileDescriptorsIsNotDamage(t *testing.T) {
	dir := usedDir(t)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	free := uint64(f.Fd()) // the lowest number that is free
	f.Close()
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}()
	// The limit is on the number of a descriptor: with more and more of them, each
	// step of the start runs out once.
	failed := 0
	for more := range 12 {
		low := syscall.Rlimit{Cur: free + uint64(more), Max: limit.Max}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
			t.Fatal(err)
		}
		if err := openDir(dir); err != nil {
			failed++
			isNotDamage(t, err, syscall.EMFILE)
		}
	}
	if failed == 0 {
		t.Error("the descriptors never ran out")
	}
}
