package nodes

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An Answer is a node's response to a request.
type Answer struct {
	Status int
	Header http.Header
	Body   map[string]any
	Raw    string
	Err    error
}

// In is the body of a request.
type In map[string]any

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// answerPatience is longer than any request of a test takes.
const answerPatience = 20 * time.Second

// An API sends requests to one node.
type API struct {
	HTTP  string // address
	Token string // sent with each request, unless it is empty

	Secure *http.Client // for a node with TLS; nil: plain HTTP

	socket *http.Client // nil: the node is at HTTP
}

// As returns the API of the node for the owner of a token.
func (d API) As(token string) API {
	d.Token = token
	return d
}

// Socket returns the API at an admin socket.
func Socket(path string) API {
	return API{HTTP: "localhost", socket: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
		DisableKeepAlives: true, // the socket goes with the node
	}}}
}

// Get sends a GET request.
func (d API) Get(path string) Answer { return d.Do(http.MethodGet, path, nil) }

// Post sends a POST request with body as JSON.
func (d API) Post(path string, body any) Answer { return d.Do(http.MethodPost, path, body) }

// Do sends a request. A body that is nil is omitted; a string is sent as it is; any other body is sent as JSON.
func (d API) Do(method, path string, body any) Answer {
	return d.DoWithin(answerPatience, method, path, body)
}

// DoWithin sends a request with a timeout.
func (d API) DoWithin(limit time.Duration, method, path string, body any) Answer {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return d.DoContext(ctx, method, path, body)
}

// DoContext sends a request that is cancelled when ctx ends.
func (d API) DoContext(ctx context.Context, method, path string, body any) Answer {
	sent, err := encoded(body)
	if err != nil {
		return Answer{Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, method, d.URL(path), sent)
	if err != nil {
		return Answer{Err: err}
	}
	if d.Token != "" {
		req.Header.Set("Authorization", "Bearer "+d.Token)
	}
	resp, err := cmp.Or(d.socket, d.Secure, client).Do(req)
	if err != nil {
		return Answer{Err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	a := Answer{Status: resp.StatusCode, Header: resp.Header, Raw: string(raw), Err: err}
	_ = json.Unmarshal(raw, &a.Body) // some bodies are text
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

// URL returns the URL of path.
func (d API) URL(path string) string {
	if d.Secure != nil {
		return "https://" + d.HTTP + path
	}
	return "http://" + d.HTTP + path
}

// Ready reports whether the node is ready.
func (d API) Ready() bool { return d.Get("/readyz").Status == http.StatusOK }

// Metric returns the value of a metric, whose name includes its labels, or -1 if there is none.
func (d API) Metric(name string) float64 {
	for line := range strings.Lines(d.Get("/metrics").Raw) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			if f, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
				return f
			}
		}
	}
	return -1
}

// Number returns a number from the body, or 0 if there is none.
func (a Answer) Number(field string) int64 {
	f, _ := a.Body[field].(float64)
	return int64(f)
}

// Text returns a string from the body, or "" if there is none.
func (a Answer) Text(field string) string {
	s, _ := a.Body[field].(string)
	return s
}

// Want fails the test unless the response has the status.
func (a Answer) Want(t *testing.T, status int) Answer {
	t.Helper()
	if a.Err != nil || a.Status != status {
		t.Fatalf("want %d, got %d %v %s", status, a.Status, a.Err, a.Raw)
	}
	return a
}
