package lockd_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
)

type traceKey struct{}

// instrumented is a transport that finds the caller's trace in the context of each request.
type instrumented struct {
	mu   sync.Mutex // guards seen: a release runs in the background
	seen []any
}

func (i *instrumented) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.seen = append(i.seen, r.Context().Value(traceKey{}))
	return nil, errors.New("no node")
}

// An instrumented transport, such as that of OpenTelemetry, can only continue the caller's trace from the context.
func TestTransportReceivesTheContextOfTheCaller(t *testing.T) {
	transport := &instrumented{}
	c, err := lockd.New(lockd.Config{HTTPClient: &http.Client{Transport: transport}, RetryFor: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), traceKey{}, "trace")
	if _, err := c.Get(ctx, "a"); err == nil {
		t.Error("a read without a node succeeded")
	}
	if _, err := c.Acquire(ctx, "a", lockd.AcquireOptions{}); err == nil {
		t.Error("an acquire without a node succeeded")
	}
	transport.mu.Lock()
	defer transport.mu.Unlock()
	if len(transport.seen) < 2 || transport.seen[0] != "trace" || transport.seen[1] != "trace" {
		t.Errorf("the requests have %v", transport.seen)
	}
}
