//go:build linux

package guard

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// adopt makes this process the parent of all orphans among its descendants.
func adopt() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// descendants returns all processes below this one, including zombies, except the given children
// and the processes below them.
func descendants(but []int) []int {
	children := childrenOf()
	var all []int
	for next := []int{os.Getpid()}; len(next) > 0; next = next[1:] {
		for _, child := range children[next[0]] {
			if !slices.Contains(but, child) {
				all = append(all, child)
				next = append(next, child)
			}
		}
	}
	return all
}

// childrenOf returns the children of each process.
func childrenOf() map[int][]int {
	children := make(map[int][]int)
	entries, _ := os.ReadDir("/proc") // without /proc no process is found
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if parent, ok := parentOf(pid); ok {
			children[parent] = append(children[parent], pid)
		}
	}
	return children
}

func parentOf(pid int) (parent int, ok bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false // the process has ended
	}
	// The format is: pid (name) state parent …. The name may contain any character.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return parent, err == nil
}

// signalAll sends a signal to each process. It ignores processes that have ended.
func signalAll(pids []int, s syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, s)
	}
}
