package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// control sends requests of an operator to a node. It connects from the namespace of the node, so that network faults
// do not affect it.
type control struct {
	base string
	http *http.Client
}

func newControl(h *host, address string) *control {
	return &control{base: "http://" + address, http: &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{DialContext: h.dial, MaxIdleConnsPerHost: 4},
	}}
}

// call sends a request and decodes a 2xx response into out. Any other response is an error with its content.
func (c *control) call(method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, c.base+path, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return &refusal{status: resp.StatusCode, body: string(raw)}
	}
	switch out := out.(type) {
	case nil:
		return nil
	case *string:
		*out = string(raw)
		return nil
	}
	return json.Unmarshal(raw, out)
}

// A refusal is a response other than 2xx.
type refusal struct {
	status int
	body   string
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s", r.status, strings.TrimSpace(r.body)) }

func (c *control) get(path string, out any) error { return c.call(http.MethodGet, path, nil, out) }

func (c *control) post(path string, in, out any) error {
	return c.call(http.MethodPost, path, in, out)
}

// clusterStatus is the part of GET /v1/cluster that the test uses.
type clusterStatus struct {
	Leader   string
	Term     uint64
	Revision uint64
	Applied  uint64 `json:"applied_index"`
	Node     struct{ State string }
	Nodes    []struct {
		ID, Name string
		Voter    bool
	}
}

func (c *control) status() (s clusterStatus, err error) {
	err = c.get("/v1/cluster", &s)
	return s, err
}

func (c *control) ready() error {
	var output string
	return c.get("/readyz", &output)
}

// metric returns the value of a metric without labels.
func (c *control) metric(name string) (float64, error) {
	var text string
	if err := c.get("/metrics", &text); err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("no metric %s", name)
}
