package workload_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lockd/lockd/test/history/workload"
)

var errLost = errors.New("the response was lost")

// lossy is a transport that drops some responses and sends some requests twice, the second time to another node.
type lossy struct {
	under    http.RoundTripper
	nodes    []string
	lose     float64
	repeat   float64
	lost     atomic.Int64
	repeated atomic.Int64

	mu  sync.Mutex
	rng *rand.Rand
}

func newLossy(t *testing.T, nodes []string) *lossy {
	under := &http.Transport{MaxIdleConnsPerHost: 256}
	t.Cleanup(under.CloseIdleConnections)
	return &lossy{under: under, nodes: nodes, lose: 0.15, repeat: 0.15, rng: rand.New(rand.NewPCG(1, 2))}
}

func (l *lossy) draw() (chance float64, node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rng.Float64(), l.nodes[l.rng.IntN(len(l.nodes))]
}

// RoundTrip drops the response of some POST requests and repeats others. It does not change streams.
func (l *lossy) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodPost {
		return l.under.RoundTrip(req)
	}
	chance, node := l.draw()
	again, err := another(req, node)
	if err != nil {
		return nil, err
	}
	resp, err := l.under.RoundTrip(req)
	if err != nil || chance > l.lose+l.repeat {
		return resp, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil || chance <= l.lose {
		l.lost.Add(1)
		return nil, errors.Join(errLost, err)
	}
	l.repeated.Add(1)
	second, err := l.under.RoundTrip(again)
	if err != nil {
		return nil, errLost // of the first request; the error of the second does not matter
	}
	second.Header.Set(workload.SentTwice, "yes")
	return second, nil
}

// another returns the same request, addressed to another node.
func another(req *http.Request, node string) (*http.Request, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	to, err := url.Parse(node)
	if err != nil {
		return nil, err
	}
	again := req.Clone(req.Context())
	again.URL.Host, again.Host = to.Host, to.Host
	again.Body = io.NopCloser(bytes.NewReader(body))
	return again, nil
}
