package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A call is one request on its way to an answer. It is also the ResponseWriter
// that handlers see, so that every answer gets the same headers.
type call struct {
	http.ResponseWriter
	s     *Server
	r     *http.Request
	id    string
	query url.Values // checked: only parameters that the route knows, each once

	revision uint64 // as of which the answer is true; 0: it is of no revision, and tells this node's
	status   int    // as sent; 0 before
	stream   bool
	silent   bool // the client is gone: nothing can be sent
	unread   bool // the request has a body that was not read to its end
}

// receive gives the body its time to arrive. It bounds net/http, too, which reads what a handler leaves unread.
// Without a body the deadline ends: the server then reads only to notice that the client closes the connection.
// A connection without deadlines, as in tests, has no slow sender either.
func (c *call) receive() {
	var deadline time.Time
	if c.unread = c.r.ContentLength != 0; c.unread {
		deadline = time.Now().Add(c.s.cfg.BodyTimeout)
	}
	_ = c.control().SetReadDeadline(deadline)
}

// received ends the body's time: all of it was read.
func (c *call) received() {
	c.unread = false
	_ = c.control().SetReadDeadline(time.Time{})
}

// Unwrap lets http.ResponseController reach the connection.
func (c *call) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// WriteHeader adds what every answer carries.
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
	if c.unread { // the rest of the body is not the next request
		h["Connection"] = []string{"close"}
	}
	c.extendWrite()
	c.ResponseWriter.WriteHeader(status)
}

// Write sends the header first where that is still to do.
func (c *call) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.WriteHeader(http.StatusOK)
	}
	return c.ResponseWriter.Write(b)
}

// extendWrite gives the next write its time. A writer without deadlines, as in
// tests, has no slow reader either.
func (c *call) extendWrite() {
	_ = c.control().SetWriteDeadline(time.Now().Add(c.s.cfg.WriteTimeout))
}

func (c *call) control() *http.ResponseController {
	return http.NewResponseController(c.ResponseWriter)
}

// json answers with a body that is true as of a revision (0: of none).
func (c *call) json(status int, revision uint64, body any) {
	c.revision = revision
	c.send(status, "application/json", body)
}

func (c *call) send(status int, contentType string, body any) {
	b := marshal(body)
	h := c.Header()
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	c.WriteHeader(status)
	_, _ = c.Write(b) // an answer that matters is followed by delivered
}

func (c *call) text(status int, body string) {
	h := c.Header()
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.WriteHeader(status)
	_, _ = c.Write([]byte(body))
}

// delivered pushes the answer to the connection and reports whether that took it.
func (c *call) delivered() bool {
	err := c.control().Flush()
	return err == nil
}

// marshal returns JSON that is not escaped for HTML, but for terminals, and ends with a line's end.
func marshal(body any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		panic("api: an answer that cannot be JSON: " + err.Error())
	}
	return escapeHidden(b.Bytes())
}

// deadline bounds what the node may take for this request, beside a wait.
func (c *call) deadline(wait time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.r.Context(), c.s.cfg.RequestTimeout+wait)
}

// gone reports whether the client has closed its connection.
func (c *call) gone() bool { return c.r.Context().Err() != nil }

// closing reports whether the server ends.
func (c *call) closing() bool { return c.s.closing.Err() != nil }
