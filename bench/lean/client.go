// Package lean is an HTTP client that costs little, so that it is the servers that
// are measured: one for lockd and for the echo alike.
package lean

import (
	"context"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"
)

// most bounds a request whose context has no end.
const most = 90 * time.Second

// A Client speaks to one server, over connections that it keeps.
type Client struct {
	base string
	host fasthttp.HostClient
}

// New returns a client of the server at an address. It sends nothing.
func New(address string) *Client {
	return &Client{base: "http://" + address, host: fasthttp.HostClient{
		Addr: address, MaxConns: 1024, MaxIdleConnDuration: time.Minute, NoDefaultUserAgentHeader: true,
		// An acquire that was sent twice would be measured as one.
		MaxIdemponentCallAttempts: 1,
	}}
}

// Get asks, and drops the answer.
func (c *Client) Get(ctx context.Context, path string) error {
	return c.do(ctx, fasthttp.MethodGet, path, nil, nil)
}

// Post sends a body, and drops the answer.
func (c *Client) Post(ctx context.Context, path string, body []byte) error {
	return c.do(ctx, fasthttp.MethodPost, path, body, nil)
}

// Body asks, and returns the answer.
func (c *Client) Body(ctx context.Context, path string) (body []byte, err error) {
	err = c.do(ctx, fasthttp.MethodGet, path, nil, func(b []byte) { body = append(body, b...) })
	return body, err
}

// do makes a request. An answer that is no 2xx is an error. It looks at the
// deadline of its context, and not at its end.
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
		deadline = time.Now().Add(most)
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

// Close drops the connections that are idle.
func (c *Client) Close() { c.host.CloseIdleConnections() }
