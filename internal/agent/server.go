package agent

import (
	"net/http"
	"time"
)

const (
	headerTimeout  = 5 * time.Second // the arrival of a request, its body included
	idleTimeout    = time.Minute     // between two requests of a connection
	maxHeaderBytes = 16 << 10
)

// NewServer returns a server for Handler in which every read and write has a deadline.
func (a *Agent) NewServer() *http.Server {
	return &http.Server{
		Handler:           a.Handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout,
		WriteTimeout:      followerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,

		DisableGeneralOptionsHandler: true, // it reads a body of OPTIONS *
	}
}

// bodiless refuses requests with a body, which no route takes, and closes their connections.
func bodiless(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			w.Header().Set("Connection", "close")
			http.Error(w, "send this request without a body", http.StatusBadRequest)
			return
		}
		// The request is complete. A stream outlasts the deadline for reading it.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		next.ServeHTTP(w, r)
	})
}
