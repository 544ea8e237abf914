package lockd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// plain is a sender with net/http.
type plain struct {
	base string
	http *http.Client
}

// newTransport returns a connection pool that keeps all connections of a benchmark.
func newTransport() *http.Transport {
	const most = 4096
	return &http.Transport{MaxIdleConnsPerHost: most, IdleConnTimeout: time.Minute}
}

// newPlain returns a sender with connections of a pool.
func newPlain(address string, pool *http.Transport) *plain {
	return &plain{base: "http://" + address, http: &http.Client{Transport: pool}}
}

// Get sends a GET request and discards the answer's body.
func (p *plain) Get(ctx context.Context, path string) error {
	_, err := p.do(ctx, http.MethodGet, path, nil)
	return err
}

// Post sends a body as JSON and discards the answer's body.
func (p *plain) Post(ctx context.Context, path string, body []byte) error {
	_, err := p.do(ctx, http.MethodPost, path, body)
	return err
}

// Body sends a GET request and returns the answer's body.
func (p *plain) Body(ctx context.Context, path string) ([]byte, error) {
	return p.do(ctx, http.MethodGet, path, nil)
}

// do sends a request and returns the answer's body. An answer other than 2xx is an error.
func (p *plain) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode > 299 {
		err = fmt.Errorf("%s %s: %s %s", method, path, resp.Status, answer)
	}
	return answer, err
}

// Close does nothing: connections may be shared, and idle ones end by themselves.
func (p *plain) Close() {}
