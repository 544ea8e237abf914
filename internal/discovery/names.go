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

// Forms says in words what may stand among the addresses to join.
const Forms = "HOST[:PORT], http://HOST[:PORT], dns:NAME[:PORT] or srv:NAME; without a port it is 7400"

const (
	dnsScheme, srvScheme = "dns:", "srv:"
	// defaultPort is where a name's addresses are asked unless it says another.
	defaultPort = "7400"
	// lookupTimeout bounds one look at the names, so that a dead name server
	// does not keep the node from the addresses that need none.
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
		_, err := strconv.Atoi(host) // dns:7400 is a host called dns, by somebody who knows of no schemes
		return validHost(host) && validPort(port) && err != nil
	}
	if strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
		return canBeAsked(s)
	}
	if !strings.Contains(s, ":") || strings.HasSuffix(s, "]") {
		return validHost(s) && canBeAsked(s)
	}
	host, port, err := net.SplitHostPort(s)
	return err == nil && validHost(host) && validPort(port) && canBeAsked(s)
}

// canBeAsked reports whether a request can be made to an address. One to which
// none can would be nobody's for ever, and silently.
func canBeAsked(address string) bool {
	req, err := askWho(context.Background(), address)
	return err == nil && req.URL.Host != "" && strings.HasSuffix(req.URL.Path, whoPath)
}

func validHost(s string) bool { return s != "" && !strings.ContainsAny(s, " \t/@,?#") }

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// hostAndPort splits what stands behind dns:, where the port may be left out.
func hostAndPort(name string) (host, port string) {
	if host, port, err := net.SplitHostPort(name); err == nil {
		return host, port
	}
	return name, defaultPort
}

// lookup turns what stands in --join into addresses, anew each time it is
// asked: the addresses behind a name change as nodes come and go.
type lookup struct {
	resolver Resolver
	log      *slog.Logger

	mu   sync.Mutex
	said map[string]string // what the log knows of each name: why it cannot be looked up
}

func newLookup(r Resolver, log *slog.Logger) *lookup {
	return &lookup{resolver: r, log: log, said: make(map[string]string)}
}

// addresses returns the HTTP addresses that one entry stands for now.
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
		return []string{entry}
	}
	if !errors.Is(err, context.Canceled) {
		l.tell(entry, found, err)
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

// services returns the hosts and ports of a name's SRV records. Records that
// make no sense come with an error beside those that do.
func (l *lookup) services(ctx context.Context, name string) ([]string, error) {
	_, records, err := l.resolver.LookupSRV(ctx, "", "", name)
	var found []string
	for _, r := range records {
		found = append(found, net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port))))
	}
	return found, err
}

// tell logs a failure once, and again only when it is another one or is over:
// the node looks several times a second.
func (l *lookup) tell(entry string, found []string, err error) {
	why := ""
	if err != nil {
		why = reason(err)
	} else if len(found) == 0 {
		why = "it has no addresses"
	}
	l.mu.Lock()
	before := l.said[entry]
	l.said[entry] = why
	l.mu.Unlock()
	switch why {
	case before:
	case "":
		l.log.Info("a name to join is found again", "join", entry, "addresses", len(found))
	default:
		l.log.Warn("a name to join cannot be looked up", "join", entry, "reason", why, "err", err)
	}
}

// reason says what failed without what differs at each try, such as the port
// from which the question was sent.
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
