package auth

import (
	"sync"
	"time"
)

const (
	maxFailures   = 20 // of one credential, and different credentials of one address, within failureWindow
	failureWindow = time.Minute
	maxAddresses  = 10_000 // that are counted; further ones are not
)

// failures counts what failed to authenticate: by address and credential, never by principal, so that no stranger can
// lock out a principal. A client that renews with a token that was revoked locks out that token at its address, and not
// the token that replaces it.
type failures struct {
	mu    sync.Mutex
	begun time.Time // of the window
	of    map[string]map[string]int
}

// failed counts a failure of a credential at an address.
func (f *failures) failed(address, credential string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.begun) >= failureWindow {
		f.begun, f.of = now, make(map[string]map[string]int)
	}
	at := f.of[address]
	if at == nil {
		if len(f.of) >= maxAddresses {
			return
		}
		at = make(map[string]int)
		f.of[address] = at
	}
	if _, known := at[credential]; known || len(at) < maxFailures {
		at[credential]++
	}
}

// locked reports whether a credential has failed too often at an address, or too many other ones have.
func (f *failures) locked(address, credential string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.begun) >= failureWindow {
		return false
	}
	at := f.of[address]
	count, known := at[credential]
	return count >= maxFailures || !known && len(at) >= maxFailures
}
