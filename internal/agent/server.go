package agent

import (
	"fmt"
	"net/http"
	"time"

	"github.com/lockd/lockd/internal/hosts"
)

const (
	headerTimeout  = 5 * time.Second // until a request has arrived, including its body
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

		DisableGeneralOptionsHandler: true, // the default handler of OPTIONS * reads a body
	}
}

// onlyAllowedHosts refuses requests for other names, so that a web page cannot read the responses
// through its own DNS name.
func (a *Agent) onlyAllowedHosts(next http.Handler) http.Handler {
	allowed := hosts.NewList(a.opts.AllowedHosts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := hosts.Name(r.Host)
		if !hosts.Absent(r) && !hosts.Local(name) && !allowed.Match(name) {
			http.Error(w, fmt.Sprintf("this agent does not answer to the Host %.260q: use its IP address, or add the name to --allowed-hosts", name),
				http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refuseBodies refuses requests with a body, because no route accepts one, and closes their
// connections.
func refuseBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			w.Header().Set("Connection", "close")
			http.Error(w, "send this request without a body", http.StatusBadRequest)
			return
		}
		// The request is complete. A stream outlives the deadline for reading it.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		next.ServeHTTP(w, r)
	})
}
