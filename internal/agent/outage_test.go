package agent_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/agent"
)

// TestAgentSurvivesUnreachableNodes checks that the agent continues after an acquire failed because
// no node is reachable. Each acquire has its own session.
func TestAgentSurvivesUnreachableNodes(t *testing.T) {
	var mu sync.Mutex
	sessions := make(map[string]bool)
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Session string }
		if json.NewDecoder(r.Body).Decode(&body) == nil && body.Session != "" {
			mu.Lock()
			sessions[body.Session] = true
			mu.Unlock()
		}
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			conn.Close()
		}
	}))
	defer node.Close()
	c, err := lockd.New(lockd.Config{Addresses: []string{node.URL}, RetryFor: -1, UnreachableTimeout: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	over := make(chan error, 1)
	go func() {
		over <- agent.New(c, agent.Options{Name: name, Acquire: lockd.AcquireOptions{TTL: 2 * time.Second}, OnChange: func(string) {}}).Run(ctx)
	}()
	until(t, "three acquires", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(sessions) >= 3
	})
	select {
	case err := <-over:
		t.Errorf("the agent has ended: %v", err)
	default:
		stop()
		<-over
	}
}
