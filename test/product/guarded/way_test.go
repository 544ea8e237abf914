//go:build linux

package guarded

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// ways lead to the nodes, until they fall silent.
type ways struct {
	addresses []string

	// mu is held for reading while a request is under way, so that each that was
	// taken is answered before the silence begins.
	mu     sync.RWMutex
	silent bool

	last struct {
		sync.Mutex
		began time.Time
	}
}

func newWays(t *testing.T, nodes []string) *ways {
	w := new(ways)
	for _, node := range nodes {
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: node})
		server := httptest.NewServer(http.HandlerFunc(func(to http.ResponseWriter, r *http.Request) { w.carry(proxy, to, r) }))
		w.addresses = append(w.addresses, server.URL)
		t.Cleanup(func() {
			server.CloseClientConnections()
			server.Close()
		})
	}
	return w
}

func (w *ways) carry(proxy http.Handler, to http.ResponseWriter, r *http.Request) {
	began := time.Now()
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.silent {
		w.mu.RUnlock()
		_, _ = io.Copy(io.Discard, r.Body) // else nobody hears that the caller has gone
		<-r.Context().Done()
		w.mu.RLock()
		return
	}
	answer := &status{ResponseWriter: to}
	proxy.ServeHTTP(answer, r)
	if answer.code/100 == 2 && (strings.HasSuffix(r.URL.Path, "/renew") || strings.HasSuffix(r.URL.Path, "/acquire")) {
		w.last.Lock()
		defer w.last.Unlock()
		w.last.began = began
	}
}

type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// silence lets nothing through any more.
func (w *ways) silence() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = true
}

// renewed returns when the last renewal that was acknowledged came by.
func (w *ways) renewed() time.Time {
	w.last.Lock()
	defer w.last.Unlock()
	return w.last.began
}
