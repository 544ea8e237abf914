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

// adopt makes this process the parent of whatever its descendants leave behind.
func adopt() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// descendants returns all that stand below this process, the dead that nobody has
// waited for included, but for the children that are named and what is below them.
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

// childrenOf reads who is whose parent.
func childrenOf() map[int][]int {
	children := make(map[int][]int)
	entries, _ := os.ReadDir("/proc") // without it nobody is found
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
		return 0, false // it has ended
	}
	// pid (name) state parent …, where the name may have any characters.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return parent, err == nil
}

// signalAll signals each of them. Who has ended meanwhile gets none.
func signalAll(pids []int, s syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, s)
	}
}
