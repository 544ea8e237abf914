package connect

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	lockd "github.com/lockd/lockd/clients/go"
)

// HealthCheck returns a function that requests a path of a node, and reports whether the node is healthy. It needs no
// credentials.
func (f *Flags) HealthCheck(path string) (check func(ctx context.Context, addr string) (ok bool, detail string), err error) {
	client, headers, err := f.public()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, addr string) (bool, string) {
		return checkHealth(ctx, client, headers, addr, path)
	}, nil
}

func checkHealth(ctx context.Context, client *http.Client, headers http.Header, addr, path string) (ok bool, detail string) {
	u, err := lockd.ParseAddress(addr)
	if err != nil {
		return false, err.Error()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.JoinPath(path).String(), nil)
	if err != nil {
		return false, err.Error()
	}
	for name, values := range headers {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	resp, err := client.Do(req)
	if err != nil {
		if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
			err = fmt.Errorf("%w; set --cacert or LOCKD_CACERT to the ca.crt of the cluster", err)
		}
		return false, err.Error()
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return true, "ok"
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1_000))
	return false, fmt.Sprint(resp.Status, " ", failing(string(body)))
}

// failing returns the failed check of a health response.
func failing(body string) string {
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "[-]") {
			return strings.TrimSpace(line)
		}
	}
	first, _, _ := strings.Cut(strings.TrimSpace(body), "\n")
	return first
}
