package discovery

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestValid(t *testing.T) {
	for s, want := range map[string]bool{
		"10.0.0.1:7400": true, "lock-1:7400": true, "[::1]:7400": true, "http://lock-1:7400": false, "https://lock.example.org": false,
		"dns:lockd": true, "dns:lockd:7410": true, "dns:lockd.ns.svc.cluster.local": true, "dns:a7400": true,
		"srv:_lockd._tcp.example.org": true,

		"lock-1": true, "10.0.0.1": true, "[::1]": true, "http://lock-1": false,
		"": false, "::1": false, "lock-1:": false, ":7400": false, "lock-1:x": false, "lock-1:0": false, "lock-1:70000": false,
		"http://lock-1:7400/base/": false, "http://lock-1:7400?a": false, "http://lock-1:7400/#a": false, "http://%zz": false,
		"[fe80::1%eth0]:7400": false, "a%20b:1": false, "a\x00:1": false, "[a]:1": false,
		"a:1,b:1": false, "a b:1": false, "http://": false, "ftp://a:1": false,
		"dns:": false, "dns::7400": false, "dns:lockd:": false, "dns:lockd:x": false, "dns:7400": false, "dns:a/b": false,
		"srv:": false, "srv:a b": false,
	} {
		if Valid(s) != want {
			t.Errorf("%q: valid is %v", s, !want)
		}
	}
}

func TestAddressWithoutPortHasDefaultPort(t *testing.T) {
	l := newLookup(&names{}, slog.New(slog.DiscardHandler))
	for address, want := range map[string]string{
		"lock-1": "lock-1:7401", "[::1]": "[::1]:7401", "lock-1:7411": "lock-1:7411", "[::1]:7411": "[::1]:7411",
	} {
		if got := l.addresses(t.Context(), address); !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q", address, got)
		}
	}
}

// names is a resolver that returns its current content.
type names struct {
	ips   map[string][]string
	srvs  map[string][]*net.SRV
	fails error
}

func (r *names) LookupNetIP(_ context.Context, _, host string) (ips []netip.Addr, err error) {
	for _, ip := range r.ips[host] {
		ips = append(ips, netip.MustParseAddr(ip))
	}
	return ips, r.fails
}

func (r *names) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if service != "" || proto != "" {
		return "", nil, errors.New("want the name as it is")
	}
	return "", r.srvs[name], r.fails
}

func TestNameResolvesToItsCurrentAddresses(t *testing.T) {
	r := &names{
		ips:  map[string][]string{"lockd": {"10.0.0.1", "::ffff:10.0.0.2", "fd00::3"}},
		srvs: map[string][]*net.SRV{"_lockd._tcp.x": {{Target: "a.x.", Port: 7401}, {Target: "b.x.", Port: 7402}}},
	}
	l := newLookup(r, slog.New(slog.DiscardHandler))
	want := func(entry string, addresses ...string) {
		t.Helper()
		if got := l.addresses(t.Context(), entry); !slices.Equal(got, addresses) {
			t.Errorf("%s is %q, want %q", entry, got, addresses)
		}
	}
	want("dns:lockd", "10.0.0.1:7401", "10.0.0.2:7401", "[fd00::3]:7401")
	want("dns:lockd:7410", "10.0.0.1:7410", "10.0.0.2:7410", "[fd00::3]:7410")
	want("srv:_lockd._tcp.x", "a.x:7401", "b.x:7402")
	want("10.0.0.9:7400", "10.0.0.9:7400")

	r.ips["lockd"] = []string{"10.0.0.7"}
	want("dns:lockd", "10.0.0.7:7401")
	r.fails = errors.New("one record made no sense")
	want("srv:_lockd._tcp.x", "a.x:7401", "b.x:7402")
}

func TestFailedLookupIsLoggedOnce(t *testing.T) {
	r := &names{ips: map[string][]string{}}
	var log bytes.Buffer
	l := newLookup(r, slog.New(slog.NewTextHandler(&log, nil)))
	logged := func() string {
		for range 3 {
			l.addresses(t.Context(), "dns:lockd")
		}
		defer log.Reset()
		return log.String()
	}
	once := func(want string) {
		t.Helper()
		if got := logged(); strings.Count(got, "\n") != 1 || !strings.Contains(got, want) || !strings.Contains(got, "join=dns:lockd") {
			t.Errorf("want one line with %q, got %q", want, got)
		}
	}
	r.fails = &net.DNSError{Name: "lockd", IsNotFound: true}
	once("there is no such name")
	r.fails = &net.DNSError{Name: "lockd", IsTimeout: true, Err: "read udp 127.0.0.1:40001"}
	once("no name server answered within 2s")
	r.fails = errors.New("refused at port 40002")
	once("the name server failed")
	r.fails = nil
	once("it has no addresses")
	r.ips["lockd"] = []string{"10.0.0.1"}
	once("is found again")
	if got := logged(); got != "" {
		t.Errorf("a name that is found is logged: %q", got)
	}
}

func TestDiscoverCountsEachNodeOnce(t *testing.T) {
	ids := map[string]string{"10.0.0.1:1": "b.1", "10.0.0.2:1": "a.1", "10.0.0.3:1": "b.1"} // b has two addresses
	r := &names{srvs: map[string][]*net.SRV{"s": {{Target: "10.0.0.1.", Port: 1}, {Target: "10.0.0.2.", Port: 1}, {Target: "10.0.0.3.", Port: 1}}}}
	var log bytes.Buffer
	f := New(Config{
		Join:     []string{"srv:s", "dns:absent", "10.0.0.2:1", "10.0.0.4:1", "10.0.0.5:1"},
		Resolver: r, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Identify: func(_ context.Context, address string) (*Found, error) {
			switch id := ids[address]; {
			case id != "":
				return &Found{Node: Node{ID: id, Name: id[:1]}}, nil
			case address == "10.0.0.4:1":
				return nil, errors.New("not a node")
			}
			return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
		},
	})
	for range 3 {
		found, err := f.Find(t.Context())
		var got []string
		for _, s := range found {
			got = append(got, s.Node.ID)
		}
		if !slices.Equal(got, []string{"a.1", "b.1"}) {
			t.Errorf("found %q", got)
		}
		if err == nil || err.Error() != "10.0.0.4:1: not a node" {
			t.Errorf("the error is %v", err)
		}
	}
	if n := strings.Count(log.String(), "is not used"); n != 1 {
		t.Errorf("an address is logged %d times: %s", n, log.String())
	}
}
