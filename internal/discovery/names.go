package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Forms describes the forms of an address to join.
const Forms = "the peer address of a node: HOST[:PORT], dns:NAME[:PORT] or srv:NAME; without a port it is 7401"

const (
	dnsScheme, srvScheme = "dns:", "srv:"
	// defaultPort is the port of an address that has none.
	defaultPort = "7401"
	// lookupTimeout bounds the lookup of a name, so that the node can still use the other
	// addresses while a name server does not answer.
	lookupTimeout = 2 * time.Second
)

// A Resolver looks names up; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// Valid reports whether an address to join has one of the Forms.
func Valid(s string) bool {
	if name, ok := strings.CutPrefix(s, srvScheme); ok {
		return validHost(name)
	}
	if name, ok := strings.CutPrefix(s, dnsScheme); ok {
		host, port := hostAndPort(name)
		_, err := strconv.Atoi(host) // dns:7401 is a host with the name dns, and a port
		return validHost(host) && validPort(port) && err != nil
	}
	host, port, err := net.SplitHostPort(withPort(s))
	if strings.HasPrefix(s, "[") {
		if _, wrong := netip.ParseAddr(host); wrong != nil {
			return false
		}
	}
	return err == nil && validHost(host) && validPort(port)
}

// withPort adds the default port to an address that has none.
func withPort(address string) string {
	if bare := strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"); !strings.Contains(address, ":") || strings.HasSuffix(address, "]") {
		return net.JoinHostPort(bare, defaultPort)
	}
	return address
}

func validHost(s string) bool {
	return s != "" && !strings.ContainsAny(s, "/@,?#%[]") && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// hostAndPort splits the rest of a dns: address. Its port is optional.
func hostAndPort(name string) (host, port string) {
	if host, port, err := net.SplitHostPort(name); err == nil {
		return host, port
	}
	return name, defaultPort
}

// lookup resolves the addresses to join. It resolves a name again on each call, because
// its addresses change when nodes start and stop.
type lookup struct {
	resolver Resolver
	log      *slog.Logger

	mu     sync.Mutex
	logged map[string]string // by name: the reason that was logged last, or "" after a success
}

func newLookup(r Resolver, log *slog.Logger) *lookup {
	return &lookup{resolver: r, log: log, logged: make(map[string]string)}
}

// addresses returns the current peer addresses of an entry.
func (l *lookup) addresses(ctx context.Context, entry string) []string {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	var found []string
	var err error
	if name, ok := strings.CutPrefix(entry, srvScheme); ok {
		found, err = l.services(ctx, name)
	} else if name, ok := strings.CutPrefix(entry, dnsScheme); ok {
		found, err = l.hosts(ctx, name)
	} else {
		return []string{withPort(entry)}
	}
	if !errors.Is(err, context.Canceled) {
		l.report(entry, found, err)
	}
	return found
}

// hosts returns every address of a name, each with the same port.
func (l *lookup) hosts(ctx context.Context, name string) ([]string, error) {
	host, port := hostAndPort(name)
	ips, err := l.resolver.LookupNetIP(ctx, "ip", host)
	var found []string
	for _, ip := range ips {
		found = append(found, net.JoinHostPort(ip.Unmap().String(), port))
	}
	return found, err
}

// services returns the hosts and ports of a name's SRV records. If some records are
// invalid, it returns an error and the valid ones.
func (l *lookup) services(ctx context.Context, name string) ([]string, error) {
	_, records, err := l.resolver.LookupSRV(ctx, "", "", name)
	var found []string
	for _, r := range records {
		found = append(found, net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port))))
	}
	return found, err
}

// report logs a failure once, and again only after its reason changed or the lookup
// succeeded: the node resolves names several times a second.
func (l *lookup) report(entry string, found []string, err error) {
	why := ""
	if err != nil {
		why = reason(err)
	} else if len(found) == 0 {
		why = "it has no addresses"
	}
	l.mu.Lock()
	before := l.logged[entry]
	l.logged[entry] = why
	l.mu.Unlock()
	switch why {
	case before:
	case "":
		l.log.Info("a name to join is found again", "join", entry, "addresses", len(found))
	default:
		l.log.Warn("a name to join cannot be looked up", "join", entry, "reason", why, "err", err)
	}
}

// reason returns why a lookup failed, without details that differ in each attempt, such
// as the local port.
func reason(err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "there is no such name"
	case errors.As(err, &dns) && dns.IsTimeout, errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no name server answered within %v", lookupTimeout)
	}
	return "the name server failed"
}
