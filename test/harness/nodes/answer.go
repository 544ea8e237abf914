package nodes

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An Answer is what a node said.
type Answer struct {
	Status int
	Header http.Header
	Body   map[string]any
	Raw    string
	Err    error
}

// In is a request's body.
type In map[string]any

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// answerPatience is longer than any request of a test may take.
const answerPatience = 20 * time.Second

// A Door is where a node serves clients.
type Door struct {
	HTTP string // address
}

// Get asks the node.
func (d Door) Get(path string) Answer { return d.Do(http.MethodGet, path, nil) }

// Post tells the node.
func (d Door) Post(path string, body any) Answer { return d.Do(http.MethodPost, path, body) }

// Do makes a request: with no body where that is nil, with a string as it stands.
func (d Door) Do(method, path string, body any) Answer {
	return d.DoWithin(answerPatience, method, path, body)
}

// DoWithin makes a request that gives up after a time.
func (d Door) DoWithin(limit time.Duration, method, path string, body any) Answer {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return d.DoContext(ctx, method, path, body)
}

// DoContext makes a request that gives up when ctx ends.
func (d Door) DoContext(ctx context.Context, method, path string, body any) Answer {
	sent, err := encoded(body)
	if err != nil {
		return Answer{Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, method, d.URL(path), sent)
	if err != nil {
		return Answer{Err: err}
	}
	resp, err := client.Do(req)
	if err != nil {
		return Answer{Err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	a := Answer{Status: resp.StatusCode, Header: resp.Header, Raw: string(raw), Err: err}
	_ = json.Unmarshal(raw, &a.Body) // some answers are text
	return a
}

func encoded(body any) (io.Reader, error) {
	switch body := body.(type) {
	case nil:
		return nil, nil
	case string:
		return strings.NewReader(body), nil
	}
	b, err := json.Marshal(body)
	return bytes.NewReader(b), err
}

// URL returns that of a path.
func (d Door) URL(path string) string { return "http://" + d.HTTP + path }

// Ready reports whether the node serves.
func (d Door) Ready() bool { return d.Get("/readyz").Status == http.StatusOK }

// Metric returns the value of a metric without labels; -1 where there is none.
func (d Door) Metric(name string) float64 {
	for line := range strings.Lines(d.Get("/metrics").Raw) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			if f, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
				return f
			}
		}
	}
	return -1
}

// Number returns a number of the body; 0 where there is none.
func (a Answer) Number(field string) int64 {
	f, _ := a.Body[field].(float64)
	return int64(f)
}

// Text returns a string of the body; empty where there is none.
func (a Answer) Text(field string) string {
	s, _ := a.Body[field].(string)
	return s
}

// Want fails the test unless the answer has the status.
func (a Answer) Want(t *testing.T, status int) Answer {
	t.Helper()
	if a.Err != nil || a.Status != status {
		t.Fatalf("want %d, got %d %v %s", status, a.Status, a.Err, a.Raw)
	}
	return a
}
