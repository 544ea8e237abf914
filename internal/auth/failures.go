package auth

import (
	"net/netip"
	"sync"
	"time"
)

const (
	maxFailures   = 20 // of one credential, and different credentials of one network, within failureWindow
	failureWindow = time.Minute
	maxNetworks   = 10_000 // that are counted
	evictionTries = 64     // networks that are looked at to make room for another one
)

// failures counts what failed to authenticate: by network and credential, never by principal, so that no stranger can
// lock out a principal. A client that renews with a token that was revoked locks out that token at its address, and not
// the token that replaces it.
type failures struct {
	mu    sync.Mutex
	begun time.Time // of the window
	of    map[string]*failing
}

// failing is what failed at one network.
type failing struct {
	count  map[string]int // by credential
	locked bool           // one credential has failed too often, or too many have failed
}

// network returns what an address is counted as: the address itself, or the first 64 bits of an IPv6 address. A client with
// one address of such a network can use all of them.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	prefix, _ := ip.WithZone("").Prefix(64) // fails only for more bits than an address has
	return prefix.String()
}

// failed counts a failure of a credential at an address.
func (f *failures) failed(address, credential string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.begun) >= failureWindow {
		f.begun, f.of = now, make(map[string]*failing)
	}
	key := network(address)
	at := f.of[key]
	if at == nil {
		if len(f.of) >= maxNetworks && !f.evict() {
			return
		}
		at = &failing{count: make(map[string]int)}
		f.of[key] = at
	}
	if _, known := at.count[credential]; known || len(at.count) < maxFailures {
		at.count[credential]++
		at.locked = at.locked || at.count[credential] >= maxFailures || len(at.count) >= maxFailures
	}
}

// evict forgets a network that is not locked. It returns false if it finds none soon: a locked one is never forgotten
// before the window ends.
func (f *failures) evict() bool {
	tries := 0
	for key, at := range f.of {
		if !at.locked {
			delete(f.of, key)
			return true
		}
		if tries++; tries == evictionTries {
			break
		}
	}
	return false
}

// locked reports whether a credential has failed too often at an address, or too many other ones have.
func (f *failures) locked(address, credential string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.of[network(address)]
	if now.Sub(f.begun) >= failureWindow || at == nil {
		return false
	}
	count, known := at.count[credential]
	return count >= maxFailures || !known && len(at.count) >= maxFailures
}
