package memory

import (
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// memoryShare is the divisor of the memory that Go's runtime may not use: it may use 90 %. The
	// rest is for kernel buffers and memory that Go does not count.
	memoryShare = 10
	// stateReserve is the memory of a node without its state, in bytes.
	stateReserve = 48 << 20
	// stateShare is the divisor for the state. A node may have two copies of the state while it
	// installs a snapshot, and garbage in addition.
	stateShare = 4
	// maxDefaultState limits the default on large machines.
	maxDefaultState = 8 << 30
	// minState is the smallest default.
	minState = 16 << 20
)

// Available returns how many bytes of memory this process may use: the limit of its cgroup or
// the memory of the machine. It returns 0 if neither is known.
func Available() uint64 {
	total, err := memlimit.FromSystem()
	if err != nil {
		total = 0
	}
	if limit, err := memlimit.FromCgroup(); err == nil && (total == 0 || limit < total) {
		return limit
	}
	return total
}

// Limit makes Go's runtime collect garbage before the memory is exhausted, unless GOMEMLIMIT
// is set.
func Limit(available uint64) {
	if os.Getenv("GOMEMLIMIT") == "" && available > 0 {
		debug.SetMemoryLimit(int64(available - available/memoryShare))
	}
}

// DefaultState returns how many bytes of state a node can hold with that much memory.
func DefaultState(available uint64) int {
	if available == 0 {
		return maxDefaultState
	}
	rest := available - min(available, stateReserve)
	return int(min(max(rest/stateShare, minState), maxDefaultState))
}
