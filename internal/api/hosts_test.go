package api_test

import (
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/api"
)

// everyRoute is a request for each kind of route.
var everyRoute = [][3]string{
	{"GET", "/v1/leases", ""}, {"GET", "/v1/leases/job", ""}, {"GET", "/v1/watch?after=0&wait_ms=0", ""}, {"GET", "/v1/cluster", ""},
	{"GET", "/healthz", ""}, {"GET", "/readyz", ""}, {"GET", "/metrics", ""}, {"GET", "/openapi.yaml", ""}, {"GET", "/docs", ""},
	{"GET", "/problems", ""}, {"GET", "/nope", ""}, {"HEAD", "/v1/leases", ""}, {"OPTIONS", "/v1/leases/job/acquire", ""},
	{"POST", "/v1/leases/job/acquire", `{"holder":"page"}`}, {"POST", "/v1/leases/job/break", `{"token":1,"reason":"x"}`},
	{"POST", "/v1/cluster/remove", `{"id":"n2"}`},
}

// TestNoRouteIsServedToAnUnknownHost: a web page whose DNS name resolves to a node's address can send any request to
// the node and read the answer, because the origin is its own. It cannot change the Host header.
func TestNoRouteIsServedToAnUnknownHost(t *testing.T) {
	w := newWorld(t)
	for _, host := range []string{"evil.example", "evil.example:7400", "127.0.0.1.evil.example", "localhost.evil.example:7400", "n1.evil.example"} {
		for _, r := range everyRoute {
			a := w.send(r[0], r[1], r[2], "Host", host, "Origin", "http://"+host, "Sec-Fetch-Site", "same-origin").want(421)
			if r[0] != "HEAD" {
				a.want(421, "unknown-host").is("definitive", "true")
				if !strings.Contains(a.text("detail"), "--allowed-hosts") || !strings.Contains(a.text("detail"), strings.TrimSuffix(host, ":7400")) {
					t.Errorf("the detail does not have the host and --allowed-hosts: %s", a.body)
				}
			}
		}
	}
	if w.Here() != 0 {
		t.Error("a request for an unknown host changed something")
	}
}

func TestANodeAnswersToItsOwnNames(t *testing.T) {
	list := &members{list: []api.Member{{Name: "n2", HTTP: "http://n2.lockd:7400"}, {Name: "n3", HTTP: "n3.lockd:7400"}, {Name: "n4"}}}
	w := newWorld(t, func(c *api.Config) {
		list.node, c.Cluster = c.Cluster.(*members).node, list
		c.AllowedHosts = []string{"lockd.example.org", "*.svc.cluster.local"}
	})
	for _, host := range []string{
		w.addr, "10.1.2.3", "[::1]:7400", "localhost", "dev.localhost:7400", "n1:7400", "N1", "n2.lockd:7400", "n3.lockd", "n3.lockd.:7400",
		"lockd.example.org", "lockd-0.lockd.default.svc.cluster.local:7400",
	} {
		w.get("/v1/leases", "Host", host).want(200)
	}
	for _, host := range []string{"n4", "lockd", "x.lockd.example.org", "svc.cluster.local"} {
		w.get("/v1/leases", "Host", host).want(421, "unknown-host")
	}
}

// TestNodeAnswersToNewMembersName: the allowed names follow the current members.
func TestNodeAnswersToNewMembersName(t *testing.T) {
	list := new(members)
	w := newWorld(t, func(c *api.Config) { list.node, c.Cluster = c.Cluster.(*members).node, list })
	w.get("/readyz", "Host", "n2:7400").want(421, "unknown-host")
	list.add(api.Member{ID: "n2-a", Name: "n2", HTTP: "http://n2:7400"})
	eventually(t, "the new member's name is known", func() bool { return w.get("/readyz", "Host", "n2:7400").status == 200 })
}

// TestARequestOfHTTP10NeedsNoHost: health checks with HTTP/1.0 have no Host. No browser sends such a request.
func TestARequestOfHTTP10NeedsNoHost(t *testing.T) {
	w := newWorld(t)
	for request, want := range map[string]int{
		"GET /readyz HTTP/1.0\r\n\r\n":                                       200,
		"GET /readyz HTTP/1.0\r\nHost: evil.example\r\n\r\n":                 421,
		"GET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n":                  400,
		"GET /readyz HTTP/1.1\r\nHost:\r\n\r\n":                              421,
		"GET http://evil.example/readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n": 421,
	} {
		if status, _ := raw(t, w, request); status != want {
			t.Errorf("%q is answered %d, want %d", request, status, want)
		}
	}
}
