package auth

import (
	"sync"
	"time"
)

const (
	maxFailures   = 20 // of one address within failureWindow
	failureWindow = time.Minute
	maxAddresses  = 10_000 // that are counted; further ones are not
)

// Failures counts the failed authentications of each address. An address with too many is refused without a lookup. A
// principal is never locked: a stranger could lock out its owner. It is safe for concurrent use.
type Failures struct {
	mu    sync.Mutex
	begun time.Time // of the window
	of    map[string]int
}

// Failed counts a failure of an address.
func (f *Failures) Failed(address string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.begun) >= failureWindow {
		f.begun, f.of = now, make(map[string]int)
	}
	if _, known := f.of[address]; known || len(f.of) < maxAddresses {
		f.of[address]++
	}
}

// Locked reports whether an address has failed too often.
func (f *Failures) Locked(address string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return now.Sub(f.begun) < failureWindow && f.of[address] >= maxFailures
}
