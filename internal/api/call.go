package api

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/api/view"
)

// call is a request that is being handled. It is also the ResponseWriter that handlers use, so that every answer gets
// the same headers.
type call struct {
	http.ResponseWriter
	s     *Server
	r     *http.Request
	id    string
	query form.Query // only parameters of the route

	caller  caller
	revoked atomic.Pointer[kind] // why a long call was ended

	revision uint64 // the revision of the answer; 0: none, and the header has the node's current revision
	status   int    // the status that was sent; 0 before that
	stream   bool
	silent   bool // the client has disconnected, and no answer is sent
	unread   bool // the request has a body that was not fully read
}

// receive sets the read deadline for the body. The deadline also applies to net/http, which reads the rest of a body
// that a handler does not read. Without a body there is no deadline: the server then reads only to detect that the
// client closes the connection. Connections without deadlines occur only in tests, and have no slow sender.
func (c *call) receive() {
	var deadline time.Time
	if c.unread = c.r.ContentLength != 0; c.unread {
		deadline = time.Now().Add(c.s.cfg.BodyTimeout)
	}
	_ = c.control().SetReadDeadline(deadline)
}

// received clears the read deadline after the body was fully read.
func (c *call) received() {
	c.unread = false
	_ = c.control().SetReadDeadline(time.Time{})
}

// Unwrap lets http.ResponseController reach the connection.
func (c *call) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// WriteHeader adds the headers of every answer.
func (c *call) WriteHeader(status int) {
	if c.status != 0 {
		return
	}
	c.status = status
	here := c.s.cfg.Cluster.Here()
	h := c.Header()
	h["Lockd-Revision"] = []string{strconv.FormatUint(cmp.Or(c.revision, here.Revision), 10)}
	h["Lockd-Node"] = []string{here.Node}
	h["Lockd-Leader"] = []string{here.Leader}
	h["X-Request-Id"] = []string{c.id}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	if len(h["Cache-Control"]) == 0 {
		h["Cache-Control"] = []string{"no-store"}
	}
	if c.unread { // the rest of the body must not be read as the next request
		h["Connection"] = []string{"close"}
	}
	c.extendWrite()
	c.ResponseWriter.WriteHeader(status)
}

// Write sends the header first if it is not sent yet.
func (c *call) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.WriteHeader(http.StatusOK)
	}
	return c.ResponseWriter.Write(b)
}

// extendWrite sets the deadline of the next write. Writers without deadlines occur only in tests, and have no slow
// reader.
func (c *call) extendWrite() {
	_ = c.control().SetWriteDeadline(time.Now().Add(c.s.cfg.WriteTimeout))
}

func (c *call) control() *http.ResponseController {
	return http.NewResponseController(c.ResponseWriter)
}

// json answers with a body and its revision; 0 means that it has none.
func (c *call) json(status int, revision uint64, body any) {
	c.revision = revision
	c.send(status, "application/json", body)
}

func (c *call) send(status int, contentType string, body any) {
	b := view.Marshal(body)
	h := c.Header()
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	c.WriteHeader(status)
	_, _ = c.Write(b) // callers that need to know the outcome call delivered
}

func (c *call) text(status int, body string) {
	h := c.Header()
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.WriteHeader(status)
	_, _ = c.Write([]byte(body))
}

// delivered flushes the answer to the connection and reports whether that succeeded.
func (c *call) delivered() bool {
	err := c.control().Flush()
	return err == nil
}

// deadline returns a context that bounds the time for this request: the request timeout plus the wait.
func (c *call) deadline(wait time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.r.Context(), c.s.cfg.RequestTimeout+wait)
}

// gone reports whether the client has closed its connection.
func (c *call) gone() bool { return c.r.Context().Err() != nil }

// closing reports whether the server is stopping.
func (c *call) closing() bool { return c.s.closing.Err() != nil }
