package discovery

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"testing"
)

// anyName answers for every name.
type anyName struct{}

func (anyName) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}, nil
}

func (anyName) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	return "", []*net.SRV{{Target: "a.example.org.", Port: 7400}}, nil
}

// FuzzForms resolves valid addresses to join. Each result can be dialled.
func FuzzForms(f *testing.F) {
	for _, s := range []string{
		"10.0.0.1:7400", "[::1]:7400", "[fe80::1%eth0]:7400", "lock-1:7400", "http://lock-1:7400/", "https://lock.example.org",
		"HTTP://a:1", "http://user@a:1", "http://a:1/base?x#y", "http://[::1", "http://%zz", "http:///", "http://a:1e400",
		"dns:lockd", "dns:lockd:7410", "dns:[::1]:7410", "dns::", "dns:7400", "dns:-1", "srv:_lockd._tcp.example.org", "srv:", "srv:a:1",
		"a:0", "a:65536", "a:-1", "a:+1", "a%20b:1", "a\x00:1", "a\x7f:1", "ä:1", "a b:1", "a/b:1", "[a]:1", "[]:1", ":1", "a:NaN",
	} {
		f.Add(s)
	}
	l := newLookup(anyName{}, slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, s string) {
		if !Valid(s) {
			return
		}
		found := l.addresses(t.Context(), s)
		if len(found) == 0 {
			t.Errorf("%q has no address", s)
		}
		for _, address := range found {
			if host, port, err := net.SplitHostPort(address); err != nil || host == "" || !validPort(port) {
				t.Errorf("%q resolves to %q, which cannot be dialled: %v", s, address, err)
			}
		}
	})
}
