package agent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	maxFollowers = 256

	// idleAfter is how long a stream is idle before a keep-alive is sent.
	idleAfter = 10 * time.Second

	// followerTimeout is the timeout of a write to a follower.
	followerTimeout = 5 * time.Second
)

// Handler serves the status.
//
//	GET /        the leader: 200, or 503 if there is none or it is not known
//	GET /leader  200 while this agent leads, else 503: for load balancers
//	GET /readyz  200 while a quorum answers, also on standbys
//	GET /healthz 200
//	GET /events  each change of the leader, as server-sent events
//	GET /metrics leader_election_master_status and leader_election_slowpath_total, for Prometheus
func (a *Agent) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.answer(func(s Status) bool { return s.Name != "" }))
	mux.HandleFunc("GET /leader", a.answer(func(s Status) bool { return s.Leading }))
	mux.HandleFunc("OPTIONS /leader", a.answer(func(s Status) bool { return s.Leading })) // some load balancers use OPTIONS
	mux.HandleFunc("GET /readyz", a.answer(func(s Status) bool { return s.ready }))
	mux.HandleFunc("GET /healthz", a.answer(func(Status) bool { return true }))
	mux.Handle("GET /metrics", a.metrics())
	followers := make(chan struct{}, maxFollowers)
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		select {
		case followers <- struct{}{}:
			defer func() { <-followers }()
			a.stream(w, r)
		default:
			http.Error(w, "follower limit reached", http.StatusServiceUnavailable)
		}
	})
	return refuseBodies(a.onlyAllowedHosts(mux))
}

func (a *Agent) answer(well func(Status) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		s := a.Status()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !well(s) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(s) // an error means that the client has gone
	}
}

// stream sends the status, and then each change. An event is valid until the next one, so the end
// of the validity is an event too.
func (a *Agent) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx must not buffer the stream
	to := http.NewResponseController(w)
	send := func(format string, args ...any) bool {
		if to.SetWriteDeadline(time.Now().Add(followerTimeout)) != nil {
			return false
		}
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && to.Flush() == nil
	}
	var last *Status
	lastSent := time.Now()
	for {
		s, until, changed := a.next()
		switch {
		case last == nil || !last.equal(s):
			data, err := json.Marshal(s)
			if err != nil || !send("event: leader\ndata: %s\n\n", data) {
				return
			}
			last, lastSent = &s, time.Now()
		case time.Since(lastSent) >= idleAfter:
			if !send(":\n\n") {
				return
			}
			lastSent = time.Now()
		}
		if !wait(r.Context(), changed, until) {
			return
		}
	}
}

// equal reports whether two statuses differ only in the remaining time.
func (s Status) equal(as Status) bool {
	s.ExpiresIn = as.ExpiresIn
	return s == as
}
