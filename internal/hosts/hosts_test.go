package hosts_test

import (
	"net/http"
	"testing"

	"github.com/lockd/lockd/internal/hosts"
)

func TestLocalNames(t *testing.T) {
	for _, host := range []string{
		"127.0.0.1", "127.0.0.1:7400", "10.0.0.1:80", "[::1]:7400", "[::1]", "::1", "[fe80::1%25eth0]:7400", "[fe80::1%eth0]",
		"localhost", "LOCALHOST:7400", "localhost.", "a.localhost:1",
	} {
		if !hosts.Local(hosts.Name(host)) {
			t.Errorf("%q is not local", host)
		}
	}
	for _, host := range []string{
		"", ":7400", "evil.example", "evil.example:7400", "127.0.0.1.evil.example", "localhost.evil.example", "notlocalhost", "x",
		"127.1", "0x7f000001", "2130706433", "[evil.example]", "127.0.0.1:7400.evil.example", ".localhost.evil",
	} {
		if hosts.Local(hosts.Name(host)) {
			t.Errorf("%q is local", host)
		}
	}
}

func TestPatterns(t *testing.T) {
	l := hosts.NewList([]string{"Lockd.Example.ORG", "*.svc.cluster.local", "lockd.", "*.dot.", ""})
	for host, want := range map[string]bool{
		"lockd.example.org:7400": true, "LOCKD.example.org.": true, "lockd": true, "a.b.svc.cluster.local": true, "x.dot": true,
		"example.org": false, "x.lockd.example.org": false, "svc.cluster.local": false, ".svc.cluster.local": false,
		"evilsvc.cluster.local": false, "": false, "dot": false,
	} {
		if got := l.Match(hosts.Name(host)); got != want {
			t.Errorf("%q matches is %v", host, got)
		}
	}
	if (hosts.List{}).Match("lockd") || !hosts.NewList([]string{"*"}).Match("anything") {
		t.Error("an empty list matches something, or * does not match everything")
	}
	for pattern, want := range map[string]bool{
		"*": true, "lockd": true, "*.example.org": true, "a_b": true, "ä.example": true,
		"": false, "*.": false, "lockd:7400": false, "http://lockd": false, "a*": false, "*.*.org": false, "a b": false, "*..org": false, "::1": false,
	} {
		if got := hosts.ValidPattern(pattern); got != want {
			t.Errorf("the pattern %q is valid is %v", pattern, got)
		}
	}
}

func TestHostIsAbsentOnlyInHTTP10(t *testing.T) {
	for _, c := range []struct {
		host         string
		major, minor int
		want         bool
	}{{"", 1, 0, true}, {"", 1, 1, false}, {"x", 1, 0, false}} {
		if got := hosts.Absent(&http.Request{Host: c.host, ProtoMajor: c.major, ProtoMinor: c.minor}); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
