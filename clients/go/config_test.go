package lockd

import (
	"net/http"
	"testing"
	"time"
)

// A TTL that no node grants is refused without a request.
func TestTTLOutOfBoundsSendsNoRequest(t *testing.T) {
	requests := 0
	c := fake{"a": func(w http.ResponseWriter, r *http.Request) {
		requests++
		held(w, r)
	}}.client(t, "a")
	for _, ttl := range []time.Duration{-1, time.Millisecond, time.Second - 1, 24*time.Hour + 1} {
		if _, err := c.Acquire(background(), "job", AcquireOptions{TTL: ttl}); err == nil {
			t.Errorf("%v was accepted", ttl)
		}
	}
	if requests != 0 {
		t.Errorf("%d requests were sent", requests)
	}
	for _, ttl := range []time.Duration{0, time.Second, 24 * time.Hour} {
		if err := c.checkTTL(ttl); err != nil {
			t.Errorf("%v: %v", ttl, err)
		}
	}
}
