package api

import (
	"net/http"
	"net/url"
	"strings"
)

// sameOrigin reports whether a request may change something: it was not sent by a web page of another origin. In
// addition to net/http's check, it treats the default port of the page's scheme as equal to no port.
func (s *Server) sameOrigin(r *http.Request) bool {
	if s.cross.Check(r) == nil {
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
