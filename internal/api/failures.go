package api

import (
	"sync"
	"time"
)

const (
	maxFailures   = 20 // of one address in failureWindow, before it gets 429 without a lookup
	failureWindow = time.Minute
	maxFailing    = 10_000 // addresses that are remembered
)

// failures counts failed authentications of each address. A lockout is by address and never by principal, so that no
// stranger can lock a principal out.
type failures struct {
	mu      sync.Mutex
	begun   time.Time
	byPlace map[string]int
}

// allow counts a failure, and reports whether the address may fail once more.
func (f *failures) allow(address string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.begun) >= failureWindow || f.byPlace == nil {
		f.begun, f.byPlace = now, make(map[string]int)
	}
	if _, known := f.byPlace[address]; !known && len(f.byPlace) >= maxFailing {
		return false
	}
	f.byPlace[address]++
	return f.byPlace[address] <= maxFailures
}

// locked reports whether an address has failed too often.
func (f *failures) locked(address string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return now.Sub(f.begun) < failureWindow && f.byPlace[address] > maxFailures
}
