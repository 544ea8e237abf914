package api

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"github.com/lockd/lockd/internal/api/view"
)

// answer writes the answer to one request, with the headers of every answer.
type answer struct {
	http.ResponseWriter
	s  *Server
	id string // of the request

	revision uint64 // the revision of the answer; 0: none, and the header has the node's current revision
	status   int    // the status that was sent; 0 before that
	stream   bool   // it has no end, so that its time is not measured
	silent   bool   // the client has disconnected, and no answer is sent
	unread   bool   // the request has a body that was not fully read
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Values of headers that all answers share. They must not be modified.
var (
	nosniff = []string{"nosniff"}
	noStore = []string{"no-store"}
)

// WriteHeader adds the headers of every answer.
func (a *answer) WriteHeader(status int) {
	if a.status != 0 {
		return
	}
	a.status = status
	here := a.s.cfg.Cluster.Here()
	h := a.Header()
	values := []string{strconv.FormatUint(cmp.Or(a.revision, here.Revision), 10), here.Node, here.Leader, a.id}
	h["Lockd-Revision"], h["Lockd-Node"], h["Lockd-Leader"] = values[0:1:1], values[1:2:2], values[2:3:3]
	h["X-Request-Id"] = values[3:4:4]
	h["X-Content-Type-Options"] = nosniff
	if len(h["Cache-Control"]) == 0 {
		h["Cache-Control"] = noStore
	}
	if a.unread { // the rest of the body must not be read as the next request
		h["Connection"] = []string{"close"}
	}
	a.extendWrite()
	a.ResponseWriter.WriteHeader(status)
}

// Write sends the header first if it is not sent yet.
func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	return a.ResponseWriter.Write(b)
}

// extendWrite sets the deadline of the next write. Writers without deadlines occur only in tests, and have no slow
// reader.
func (a *answer) extendWrite() {
	_ = a.control().SetWriteDeadline(time.Now().Add(a.s.cfg.WriteTimeout))
}

func (a *answer) control() *http.ResponseController {
	return http.NewResponseController(a.ResponseWriter)
}

// json answers with a body and its revision; 0 means that it has none.
func (a *answer) json(status int, revision uint64, body any) {
	a.revision = revision
	a.send(status, "application/json", body)
}

func (a *answer) send(status int, contentType string, body any) {
	b := view.Marshal(body)
	h := a.Header()
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	a.WriteHeader(status)
	_, _ = a.Write(b) // callers that need to know the outcome call delivered
}

func (a *answer) text(status int, body string) {
	h := a.Header()
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	a.WriteHeader(status)
	_, _ = a.Write([]byte(body))
}

// delivered flushes the answer to the connection and reports whether that succeeded.
func (a *answer) delivered() bool {
	err := a.control().Flush()
	return err == nil
}
