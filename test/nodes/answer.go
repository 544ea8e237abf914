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

// Get asks a node.
func (n *Node) Get(path string) Answer { return n.Do(http.MethodGet, path, nil) }

// Post tells a node.
func (n *Node) Post(path string, body any) Answer { return n.Do(http.MethodPost, path, body) }

// Do makes a request at a node; a body of nil is none.
func (n *Node) Do(method, path string, body any) Answer {
	return n.DoWithin(answerPatience, method, path, body)
}

// DoWithin makes a request that gives up after a time.
func (n *Node) DoWithin(limit time.Duration, method, path string, body any) Answer {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return Answer{Err: err}
		}
		r = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+n.HTTP+path, r)
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

// Metric returns the value of a metric without labels; -1 where there is none.
func (n *Node) Metric(name string) float64 {
	for line := range strings.Lines(n.Get("/metrics").Raw) {
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
