package auth

import (
	"fmt"
	"testing"
)

func TestNetworkOfAnAddress(t *testing.T) {
	for address, want := range map[string]string{
		"10.0.0.1": "10.0.0.1", "::ffff:10.0.0.1": "10.0.0.1", "2001:db8::1": "2001:db8::/64", "2001:db8:0:0:ffff::9": "2001:db8::/64",
		"2001:db8:0:1::1": "2001:db8:0:1::/64", "fe80::1%eth0": "fe80::/64", "": "", "name": "name",
	} {
		if got := network(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

// TestFailuresOfANetworkAreCountedTogether: the addresses of one network of IPv6 take one place of the table.
func TestFailuresOfANetworkAreCountedTogether(t *testing.T) {
	var f failures
	for i := range 2 * maxNetworks {
		f.failed(fmt.Sprintf("2001:db8::%x", i), fmt.Sprint(i), now)
	}
	if len(f.of) != 1 || !f.locked("2001:db8::ffff:1", "guess", now) {
		t.Errorf("%d places; the network is locked: %t", len(f.of), f.locked("2001:db8::ffff:1", "guess", now))
	}
	if f.locked("2001:db8:0:1::1", "guess", now) {
		t.Error("another network is locked")
	}
}

// TestLockedNetworkIsNotEvicted: others fill the table, and those that are not locked make room.
func TestLockedNetworkIsNotEvicted(t *testing.T) {
	var f failures
	locked := []string{"10.0.0.1", "10.0.0.2", "2001:db8::1"}
	for _, address := range locked {
		for range maxFailures {
			f.failed(address, "revoked", now)
		}
	}
	for i := range 3 * maxNetworks {
		f.failed(fmt.Sprintf("2001:db8:%x:%x::1", 1+i>>16, i&0xffff), "guess", now)
	}
	if len(f.of) != maxNetworks {
		t.Errorf("%d places", len(f.of))
	}
	for _, address := range locked {
		if !f.locked(address, "revoked", now) {
			t.Errorf("%s is no longer locked", address)
		}
	}
	for range maxFailures {
		f.failed("10.9.9.9", "late", now)
	}
	if !f.locked("10.9.9.9", "late", now) {
		t.Error("a network that fails while the table is full is not counted")
	}
	for _, at := range f.of {
		at.locked = true
	}
	f.failed("10.8.8.8", "guess", now)
	if len(f.of) != maxNetworks || f.of["10.8.8.8"] != nil {
		t.Error("a table of locked networks has forgotten one")
	}
}
