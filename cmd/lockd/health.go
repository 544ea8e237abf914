package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
)

// healthTimeout is short, because container health checks use this command.
const healthTimeout = 2 * time.Second

func newHealthCommand(c *cli) *cobra.Command {
	var live bool
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Check whether nodes are ready: exit 0 if all are, else 1",
		Args:  arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, timeout := "/readyz", healthTimeout
			if live {
				path = "/healthz"
			}
			if cmd.Flags().Changed("timeout") {
				timeout = c.timeout
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return c.health(ctx, path)
		},
	}
	cmd.Flags().BoolVar(&live, "live", false, "check only whether the process is alive")
	return cmd
}

type healthAnswer struct {
	Addr   string `json:"addr"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

func (c *cli) health(ctx context.Context, path string) error {
	client, headers, err := c.connect.Public()
	if err != nil {
		return usageError{err}
	}
	answers, allOK := []healthAnswer{}, true
	t := &table{Head: "ADDR\tOK\tDETAIL"}
	for _, addr := range c.addrs {
		a := healthAnswer{Addr: addr}
		a.OK, a.Detail = checkHealth(ctx, client, headers, addr, path)
		allOK = allOK && a.OK
		answers = append(answers, a)
		t.Add(a.Addr, yesNo(a.OK), a.Detail)
	}
	if err := c.print(answers, t); err != nil {
		return err
	}
	if !allOK {
		return errors.New("not healthy")
	}
	return nil
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
