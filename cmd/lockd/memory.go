package main

import (
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// memoryShare is the part of the memory that Go's runtime may use: 90 %. The rest
	// is for the kernel's buffers and for what Go does not count.
	memoryShare = 10
	// stateReserve is what a node takes beside its state, in bytes.
	stateReserve = 48 << 20
	// stateShare is the part of the rest that the state may take. A node may have two
	// copies of it, when it installs a snapshot, and garbage beside them.
	stateShare = 4
	// maxDefaultState bounds the default on large machines.
	maxDefaultState = 8 << 30
	// minState is the least that a node states.
	minState = 16 << 20
)

// availableMemory returns how many bytes of memory this process may use: the limit
// of its cgroup, or the machine's memory. It returns 0 if neither is known.
func availableMemory() uint64 {
	total, err := memlimit.FromSystem()
	if err != nil {
		total = 0
	}
	if limit, err := memlimit.FromCgroup(); err == nil && (total == 0 || limit < total) {
		return limit
	}
	return total
}

// limitMemory lets Go's runtime collect garbage before the memory ends, unless the
// operator has set GOMEMLIMIT.
func limitMemory(available uint64) {
	if os.Getenv("GOMEMLIMIT") == "" && available > 0 {
		debug.SetMemoryLimit(int64(available - available/memoryShare))
	}
}

// defaultState returns how many bytes of state a node can hold with so much memory.
func defaultState(available uint64) int {
	if available == 0 {
		return maxDefaultState
	}
	rest := available - min(available, stateReserve)
	return int(min(max(rest/stateShare, minState), maxDefaultState))
}
