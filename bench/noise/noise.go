// Package noise measures the CPU that other programs use while the benchmark measures.
package noise

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lockd/lockd/bench/process"
)

// Sample is the CPU used until a moment.
type Sample struct {
	At      time.Time
	Machine time.Duration // of all processes
	Own     time.Duration // of the benchmark, its servers and the kernel's threads
}

// Take takes a sample. servers are the processes that the benchmark has started.
func Take(servers []*process.Process) (Sample, error) {
	s := Sample{At: time.Now()}
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return s, err
	}
	if s.Machine, err = machine(string(raw)); err != nil {
		return s, err
	}
	if s.Own, err = process.CPU("/proc/self/stat"); err != nil {
		return s, err
	}
	for _, p := range servers {
		used, err := p.Spent()
		if err != nil {
			return s, err
		}
		s.Own += used
	}
	kernel, err := kernelThreads()
	s.Own += kernel
	return s, err
}

// Foreign returns the cores that other programs have used on average since an earlier sample. It is not negative: the
// kernel counts the times of the machine and of its processes separately, and rounds them.
func (s Sample) Foreign(before Sample) float64 {
	took := s.At.Sub(before.At)
	if took <= 0 {
		return 0
	}
	foreign := s.Machine - before.Machine - (s.Own - before.Own)
	return max(0, foreign.Seconds()/took.Seconds())
}

// machine returns the time that all processes have used, and the time that the hypervisor gave to other machines. The
// time of interrupts is left out: it belongs to no process, and most of it is the benchmark's own network and disk.
func machine(stat string) (time.Duration, error) {
	const user, nice, system, steal = 1, 2, 3, 8
	first, _, _ := strings.Cut(stat, "\n")
	all := strings.Fields(first)
	if len(all) <= steal || all[0] != "cpu" {
		return 0, errors.New("/proc/stat has no line for all processors")
	}
	var sum int64
	for _, i := range []int{user, nice, system, steal} {
		n, err := strconv.ParseInt(all[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		sum += n
	}
	return time.Duration(sum) * process.Tick, nil
}

// kernelThreads returns the CPU of the kernel's threads, which write the benchmark's data to the disk.
func kernelThreads() (sum time.Duration, err error) {
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range all {
		raw, err := os.ReadFile(path)
		if err != nil || !isKernelThread(string(raw)) {
			continue // a process that has ended, or an ordinary one
		}
		if used, err := process.CPU(path); err == nil {
			sum += used
		}
	}
	return sum, nil
}

// isKernelThread reports whether the process of a stat file is a child of the kernel's first thread.
func isKernelThread(stat string) bool {
	const kthreadd = "2"
	after := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	return len(after) > 1 && after[1] == kthreadd
}
