package discovery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestValid(t *testing.T) {
	for s, want := range map[string]bool{
		"10.0.0.1:7400": true, "lock-1:7400": true, "[::1]:7400": true, "http://lock-1:7400": true, "https://lock.example.org": true,
		"dns:lockd": true, "dns:lockd:7410": true, "dns:lockd.ns.svc.cluster.local": true, "dns:a7400": true,
		"srv:_lockd._tcp.example.org": true,

		"lock-1": true, "10.0.0.1": true, "[::1]": true, "http://lock-1": true,
		"": false, "::1": false, "lock-1:": false, ":7400": false, "lock-1:x": false, "lock-1:0": false, "lock-1:70000": false,
		"http://lock-1:7400/base/": true, "http://lock-1:7400?a": false, "http://lock-1:7400/#a": false, "http://%zz": false,
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
	for address, want := range map[string]string{
		"lock-1": "lock-1:7400", "[::1]": "[::1]:7400", "https://lock-1/base": "lock-1:7400", "lock-1:7410": "lock-1:7410",
	} {
		if req, err := newRequest(t.Context(), address); err != nil || req.URL.Host != want {
			t.Errorf("%s: %v, %v", address, req.URL, err)
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
	want("dns:lockd", "10.0.0.1:7400", "10.0.0.2:7400", "[fd00::3]:7400")
	want("dns:lockd:7410", "10.0.0.1:7410", "10.0.0.2:7410", "[fd00::3]:7410")
	want("srv:_lockd._tcp.x", "a.x:7401", "b.x:7402")
	want("10.0.0.9:7400", "10.0.0.9:7400")

	r.ips["lockd"] = []string{"10.0.0.7"}
	want("dns:lockd", "10.0.0.7:7400")
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
	var ports []uint16
	for _, id := range []string{"b.1", "a.1", "b.1"} { // b has two addresses
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"node":{"id":%q,"name":%q,"peer":"p","state":"fresh"}}`, id, id[:1])
		}))
		t.Cleanup(srv.Close)
		ports = append(ports, netip.MustParseAddrPort(srv.Listener.Addr().String()).Port())
	}
	r := &names{srvs: map[string][]*net.SRV{"s": {
		{Target: "127.0.0.1.", Port: ports[0]}, {Target: "127.0.0.1.", Port: ports[1]}, {Target: "127.0.0.1.", Port: ports[2]},
	}}}
	log := slog.New(slog.DiscardHandler)
	f := New(Config{
		Join:     []string{"srv:s", "dns:absent", fmt.Sprintf("127.0.0.1:%d", ports[1]), "127.0.0.1:1"},
		Resolver: r, Log: log,
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
	})
	var got []string
	for _, s := range f.Find(t.Context()) {
		got = append(got, s.Node.ID)
	}
	if !slices.Equal(got, []string{"a.1", "b.1"}) {
		t.Errorf("found %q", got)
	}
}
