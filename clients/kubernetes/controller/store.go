package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// store is a directory that only the newest leader can change. It is an example of any resource that compares tokens: a
// database with WHERE token <= ?, or an object store with a precondition.
type store struct{ dir string }

// errStale is the error of a write with the token of a former leader.
var errStale = errors.New("a newer leader has written already")

// write writes a file.
func (s store) write(token uint64, name string, text []byte) error {
	return s.change(token, func(dir *os.Root) error {
		next := "." + name + ".new"
		if err := dir.WriteFile(next, text, 0o600); err != nil {
			return err
		}
		return dir.Rename(next, name)
	})
}

// remove removes a file.
func (s store) remove(token uint64, name string) error {
	return s.change(token, func(dir *os.Root) error {
		if err := dir.Remove(name); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	})
}

// change makes a change unless it has the token of a former leader. The highest token is in the file .token, which is
// locked meanwhile.
func (s store) change(token uint64, do func(dir *os.Root) error) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	dir, err := os.OpenRoot(s.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	f, err := dir.OpenFile(".token", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close() // unlocks it
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	highest, _ := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64) // an empty file is 0
	if token < highest {
		return fmt.Errorf("token %d, the highest is %d: %w", token, highest, errStale)
	}
	if token > highest {
		if err := errors.Join(f.Truncate(0), writeAt(f, token), f.Sync()); err != nil {
			return err
		}
	}
	return do(dir)
}

func writeAt(f *os.File, token uint64) error {
	_, err := f.WriteAt([]byte(strconv.FormatUint(token, 10)), 0)
	return err
}
