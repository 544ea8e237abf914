package agent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	maxFollowers = 256

	// idleAfter is how long a stream says nothing before it shows that it lives.
	idleAfter = 10 * time.Second

	// followerTimeout is how long a follower may take to read.
	followerTimeout = 5 * time.Second
)

// Handler serves the status.
//
//	GET /        who leads: 200, or 503 where nobody does or it is not known
//	GET /leader  200 while this agent leads, else 503: for load balancers
//	GET /readyz  200 while a quorum answers, on standbys, too
//	GET /healthz 200
//	GET /events  each change of who leads, as server-sent events
func (a *Agent) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.answer(func(s Status) bool { return s.Name != "" }))
	mux.HandleFunc("GET /leader", a.answer(func(s Status) bool { return s.Leading }))
	mux.HandleFunc("OPTIONS /leader", a.answer(func(s Status) bool { return s.Leading })) // as some load balancers ask
	mux.HandleFunc("GET /readyz", a.answer(func(s Status) bool { return s.ready }))
	mux.HandleFunc("GET /healthz", a.answer(func(Status) bool { return true }))
	followers := make(chan struct{}, maxFollowers)
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		select {
		case followers <- struct{}{}:
			defer func() { <-followers }()
			a.stream(w, r)
		default:
			http.Error(w, "too many follow already", http.StatusServiceUnavailable)
		}
	})
	return bodiless(a.onlyAllowedHosts(mux))
}

func (a *Agent) answer(well func(Status) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		s := a.Status()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !well(s) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(s) // whoever asked has gone
	}
}

// stream tells who leads, and then each change. What is told holds until the next
// is told, so that also the end of what is known is an event.
func (a *Agent) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx passes it on as it comes
	to := http.NewResponseController(w)
	say := func(format string, args ...any) bool {
		if to.SetWriteDeadline(time.Now().Add(followerTimeout)) != nil {
			return false
		}
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && to.Flush() == nil
	}
	var last *Status
	quiet := time.Now()
	for {
		s, until, changed := a.next()
		switch {
		case last == nil || !last.same(s):
			data, err := json.Marshal(s)
			if err != nil || !say("event: leader\ndata: %s\n\n", data) {
				return
			}
			last, quiet = &s, time.Now()
		case time.Since(quiet) >= idleAfter:
			if !say(":\n\n") {
				return
			}
			quiet = time.Now()
		}
		if !wait(r.Context(), changed, until) {
			return
		}
	}
}

// same reports whether nothing but time passed between two.
func (s Status) same(as Status) bool {
	s.ExpiresIn = as.ExpiresIn
	return s == as
}
