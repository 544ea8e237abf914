// Package origin decides which requests a node serves by their Host and Origin, so that a web page of another site
// cannot use the node through the browser of its reader.
package origin

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/lockd/lockd/internal/hosts"
)

// Guard decides which requests a node serves. It is safe for concurrent use.
type Guard struct {
	cross *http.CrossOriginProtection
	names names
}

// New returns a guard of a node that has the names in the allowed patterns and those in the addresses that its members
// advertise.
func New(allowed []string, advertised func() []string) *Guard {
	return &Guard{
		cross: http.NewCrossOriginProtection(),
		names: names{allowed: hosts.NewList(allowed), advertised: advertised},
	}
}

// ServesHost reports whether the Host of a request is a name of this node, or is absent as HTTP/1.0 allows.
func (g *Guard) ServesHost(r *http.Request) bool { return hosts.Absent(r) || g.names.include(r.Host) }

// Same reports whether a request may change something: it was not sent by a web page of another origin. In
// addition to net/http's check, it treats the default port of the page's scheme as equal to no port.
func (g *Guard) Same(r *http.Request) bool {
	if g.cross.Check(r) == nil {
		return true
	}
	origin, err := url.Parse(r.Header.Get("Origin"))
	if err != nil || origin.Host == "" || r.Header.Get("Sec-Fetch-Site") != "" {
		return false
	}
	return withoutDefaultPort(origin.Host, origin.Scheme) == withoutDefaultPort(r.Host, origin.Scheme)
}

func withoutDefaultPort(host, scheme string) string {
	host = strings.ToLower(host)
	switch scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}
