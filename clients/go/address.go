package lockd

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DefaultAddress is the address that a Client uses if Config.Addresses is nil.
const DefaultAddress = "http://127.0.0.1:7400"

const (
	defaultPort = 7400
	maxHostLen  = 253 // of a DNS name
)

// ParseAddress parses the address of a node, or of a proxy in front of nodes:
//
//	[http:// | https://] host [:port] [/base/path]
//
// The default scheme is http and the default port is 7400. A host is a name, an IPv4 address, or an
// IPv6 address in brackets without a zone. The base path has no trailing slash. A user and a password
// are refused, and errors never contain them.
func ParseAddress(address string) (*url.URL, error) {
	u, err := parseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("lockd: address %q: %w", withoutCredentials(address), err)
	}
	return u, nil
}

func parseAddress(address string) (*url.URL, error) {
	if strings.ContainsFunc(address, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return nil, errors.New("it contains white space or a control character; remove it")
	}
	u := &url.URL{Scheme: "http"}
	rest := address
	if scheme, after, ok := strings.Cut(address, "://"); ok {
		if u.Scheme = strings.ToLower(scheme); u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("the scheme must be http or https")
		}
		rest = after
	}
	if strings.Contains(rest, "@") {
		return nil, errors.New("it must not have a user or a password; use Token or TokenFile, or the header Authorization")
	}
	if strings.Contains(rest, "#") {
		return nil, errors.New("it must not have a fragment; remove # and what follows")
	}
	if strings.Contains(rest, "?") {
		return nil, errors.New("it must not have a query; remove ? and what follows")
	}
	authority, path, _ := strings.Cut(rest, "/")
	host, port, err := splitAuthority(authority)
	if err != nil {
		return nil, err
	}
	u.Host = host + ":" + strconv.Itoa(port)
	if path, err = basePath(path); err != nil {
		return nil, err
	}
	u.RawPath = path
	u.Path, err = url.PathUnescape(path)
	return u, err
}

// splitAuthority checks "host" or "host:port" and fills in the default port. An IPv6
// address keeps its brackets.
func splitAuthority(authority string) (host string, port int, err error) {
	rawPort, hasPort := "", false
	if strings.HasPrefix(authority, "[") {
		inner, after, closed := strings.Cut(authority[1:], "]")
		if strings.Contains(inner, "%") {
			return "", 0, errZone
		}
		if ip, err := netip.ParseAddr(inner); !closed || err != nil || !ip.Is6() {
			return "", 0, errors.New("the host in brackets must be an IPv6 address, as in [::1]:7400")
		}
		if after != "" && after[0] != ':' {
			return "", 0, errPort
		}
		host, rawPort, hasPort = "["+strings.ToLower(inner)+"]", strings.TrimPrefix(after, ":"), after != ""
	} else {
		if strings.Count(authority, ":") > 1 {
			if strings.Contains(authority, "%") {
				return "", 0, errZone
			}
			return "", 0, errors.New("an IPv6 address must be in brackets, as in [::1]:7400")
		}
		host, rawPort, hasPort = strings.Cut(authority, ":")
		host = strings.ToLower(host)
		if err := checkHost(host); err != nil {
			return "", 0, err
		}
	}
	if !hasPort {
		return host, defaultPort, nil
	}
	port, err = parsePort(rawPort)
	return host, port, err
}

var (
	errPort = errors.New("the port must be a number from 1 to 65535; write host:port, or host alone for port 7400")
	errZone = errors.New("an IPv6 zone is not supported; use an address without %")
)

func parsePort(raw string) (int, error) {
	if len(raw) == 0 || len(raw) > 5 || strings.Trim(raw, "0123456789") != "" {
		return 0, errPort
	}
	port, err := strconv.Atoi(raw)
	if err != nil || port < 1 || port > 65535 {
		return 0, errPort
	}
	return port, nil
}

// checkHost checks a name or an IPv4 address. It refuses a name whose last label is a number: some
// libraries read it as an IPv4 address and some as a name.
func checkHost(host string) error {
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	for _, label := range labels {
		valid := label != "" && !strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
		})
		if !valid || len(host) > maxHostLen {
			return errors.New("the host must be a DNS name, an IPv4 address or an IPv6 address in brackets; write host:port")
		}
	}
	last := labels[len(labels)-1]
	hex, isHex := strings.CutPrefix(last, "0x")
	number := strings.Trim(last, "0123456789") == "" || isHex && strings.Trim(hex, "0123456789abcdef") == ""
	if ip, err := netip.ParseAddr(host); number && (err != nil || !ip.Is4()) {
		return errors.New("the host ends in a number and is not an IPv4 address such as 10.0.0.1")
	}
	return nil
}

// basePath checks the path after the first slash. It returns the path with that slash and without
// trailing slashes.
func basePath(raw string) (string, error) {
	path := strings.TrimRight(raw, "/")
	if path == "" {
		return "", nil
	}
	for segment := range strings.SplitSeq(path, "/") {
		decoded, err := url.PathUnescape(segment)
		wrong := strings.ContainsFunc(segment, func(r rune) bool {
			return r <= ' ' || r >= utf8.RuneSelf || strings.ContainsRune("\"<>[]\\^`{|}", r)
		})
		if err != nil || wrong || decoded == "." || decoded == ".." {
			return "", errors.New("the path must be percent-encoded and have no . or .. segment")
		}
	}
	return "/" + path, nil
}

// withoutCredentials replaces everything that may be a user or a password.
func withoutCredentials(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address
	}
	scheme, _, _ := strings.Cut(address, "://")
	if s := strings.ToLower(scheme); s != "http" && s != "https" {
		return "***" + address[at:]
	}
	return scheme + "://***" + address[at:]
}

// An endpoint is an address to which requests are sent.
type endpoint struct {
	base string
	host string // an IPv6 address has no brackets here

	index int // in the list of addresses
}

// exposed reports whether requests cross a network in plain text.
func (e endpoint) exposed() bool {
	if strings.HasPrefix(e.base, "https:") || e.host == "localhost" || e.host == "localhost." {
		return false
	}
	ip, err := netip.ParseAddr(e.host)
	return err != nil || !ip.IsLoopback()
}

func endpoints(addresses []string) ([]endpoint, error) {
	if addresses == nil {
		addresses = []string{DefaultAddress}
	}
	if len(addresses) == 0 {
		return nil, errors.New("lockd: Addresses is empty: name at least one node, or leave it nil for " + DefaultAddress)
	}
	var all []endpoint
	for _, address := range addresses {
		u, err := ParseAddress(address)
		if err != nil {
			return nil, err
		}
		all = append(all, endpoint{u.Scheme + "://" + u.Host + cmp.Or(u.RawPath, u.Path), u.Hostname(), len(all)})
	}
	return all, nil
}
