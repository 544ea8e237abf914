// Package hosts decides which Host headers an HTTP server accepts.
//
// The owner of a web page can make its DNS name resolve to 127.0.0.1, or to any address of a private network (DNS
// rebinding). The browser then treats the server at that address as the page's own: the page can send any request to it
// and read the answer. The Host header of such a request is the page's name. A server is protected if it accepts only
// names that no page can have: IP addresses, localhost, and names that its operator configured.
package hosts

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Forms describes the forms of a pattern, for error messages.
const Forms = "a host name without a port, *.NAME for every name below it, or * for all"

// maxPattern is the length of the longest DNS name with "*." before it.
const maxPattern = 2 + 253

// ValidPattern reports whether a pattern has one of the Forms.
func ValidPattern(s string) bool {
	if s == "*" {
		return true
	}
	s = strings.TrimPrefix(s, "*.")
	return s != "" && len(s) <= maxPattern && !strings.ContainsAny(s, " \t/@,?#:*[]%") && !strings.HasPrefix(s, ".")
}

// A List is a set of patterns. The zero value matches nothing.
type List struct {
	all   bool
	names map[string]bool
	below []string // suffixes that begin with a dot
}

// NewList returns a list of valid patterns. It ignores the case of letters.
func NewList(patterns []string) List {
	l := List{names: make(map[string]bool)}
	for _, p := range patterns {
		p = strings.TrimSuffix(strings.ToLower(p), ".")
		switch suffix, isWildcard := strings.CutPrefix(p, "*"); {
		case p == "":
		case p == "*":
			l.all = true
		case isWildcard:
			l.below = append(l.below, suffix)
		default:
			l.names[p] = true
		}
	}
	return l
}

// Match reports whether a name, as Name returns it, matches a pattern of the list.
func (l List) Match(name string) bool {
	if l.all || l.names[name] {
		return true
	}
	for _, suffix := range l.below {
		if strings.HasSuffix(name, suffix) && name != suffix {
			return true
		}
	}
	return false
}

// Name returns the host of a Host header or of an address: without its port, in lower case, without the dot at the
// end of a full DNS name and without the brackets of an IPv6 address.
func Name(hostPort string) string {
	name := hostPort
	if host, port, err := net.SplitHostPort(hostPort); err == nil && strings.Trim(port, "0123456789") == "" {
		name = host
	} else {
		name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	}
	return strings.TrimSuffix(strings.ToLower(name), ".")
}

// Local reports whether a name is always accepted: an IP address, localhost, or a name below localhost. No web page can
// have such a name through DNS, because browsers do not look these up.
func Local(name string) bool {
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}

// Absent reports whether a request has no Host, as HTTP/1.0 allows. Health checks of load balancers send none. All
// browsers send one.
func Absent(r *http.Request) bool { return r.Host == "" && !r.ProtoAtLeast(1, 1) }
