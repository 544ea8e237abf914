// Package lean is an HTTP client that uses little CPU, so that a benchmark measures the servers. lockd and echo are
// measured with the same client.
package lean

import (
	"context"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"
)

// defaultTimeout bounds a request whose context has no deadline.
const defaultTimeout = 90 * time.Second

// Client sends requests to one server over persistent connections. It is safe for concurrent use.
type Client struct {
	base string
	host fasthttp.HostClient
}

// New returns a client of the server at an address. It does not connect.
func New(address string) *Client {
	return &Client{base: "http://" + address, host: fasthttp.HostClient{
		Addr: address, MaxConns: 1024, MaxIdleConnDuration: time.Minute, NoDefaultUserAgentHeader: true,
		// No retries: the benchmark would count a repeated acquire as one operation.
		MaxIdemponentCallAttempts: 1,
	}}
}

// Get sends a GET request and discards the answer's body.
func (c *Client) Get(ctx context.Context, path string) error {
	return c.do(ctx, fasthttp.MethodGet, path, nil, nil)
}

// Post sends a body as JSON and discards the answer's body.
func (c *Client) Post(ctx context.Context, path string, body []byte) error {
	return c.do(ctx, fasthttp.MethodPost, path, body, nil)
}

// Body sends a GET request and returns the answer's body.
func (c *Client) Body(ctx context.Context, path string) (body []byte, err error) {
	err = c.do(ctx, fasthttp.MethodGet, path, nil, func(b []byte) { body = append(body, b...) })
	return body, err
}

// do sends a request and passes the answer's body to answer, which may be nil and must not keep it. An answer other
// than 2xx is an error. do respects the deadline of ctx, but not its cancellation.
func (c *Client) do(ctx context.Context, method, path string, body []byte, answer func([]byte)) error {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.Header.SetMethod(method)
	req.SetRequestURI(c.base + path)
	if body != nil {
		req.Header.SetContentType("application/json")
		req.SetBodyRaw(body)
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(defaultTimeout)
	}
	if err := c.host.DoDeadline(req, resp, deadline); err != nil {
		return err
	}
	if resp.StatusCode() > 299 {
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode(), resp.Body())
	}
	if answer != nil {
		answer(resp.Body())
	}
	return nil
}

// Close closes the idle connections.
func (c *Client) Close() { c.host.CloseIdleConnections() }
