package api

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/fsm"
)

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

// decode reads the body as one JSON object with these members and passes each member to known. known reads the value
// with the decoder's methods, or returns false if there is no such member. If the body is invalid, decode sends the
// answer and returns false.
func (c *call) decode(m form.Members, known func(d *form.Decoder, field string) bool) bool {
	body, ok := c.body()
	return ok && c.decodeBody(body, m, known)
}

// decodeOptional is like decode, but the body may be empty.
func (c *call) decodeOptional(m form.Members, known func(d *form.Decoder, field string) bool) bool {
	body, ok := c.body()
	return ok && (len(body) == 0 || c.decodeBody(body, m, known))
}

func (c *call) decodeBody(body []byte, m form.Members, known func(d *form.Decoder, field string) bool) bool {
	m.InPath = chi.URLParam(c.r, "name") != ""
	if wrong := form.Decode(body, m, known); wrong != nil {
		c.invalid(wrong)
		return false
	}
	return true
}

// body reads the request's body, within MaxBodyBytes and the body timeout. If that fails, it sends the answer and
// returns false.
func (c *call) body() ([]byte, bool) {
	if c.r.ContentLength > MaxBodyBytes {
		c.fail(problems.TooLarge)
		return nil, false
	}
	if c.r.ContentLength == 0 {
		return nil, true
	}
	from := c.r.Body
	if c.r.ContentLength < 0 {
		from = http.MaxBytesReader(c.ResponseWriter, c.r.Body, MaxBodyBytes)
	}
	// A client that states a length and sends nothing gets no more than firstBuffer.
	b := bytes.NewBuffer(make([]byte, 0, min(max(c.r.ContentLength, 0), firstBuffer)+bytes.MinRead))
	if _, err := b.ReadFrom(from); err != nil {
		c.incomplete(err)
		return nil, false
	}
	c.received()
	return b.Bytes(), true
}

// firstBuffer bounds the buffer for a body before its bytes have arrived.
const firstBuffer = 8 << 10

// incomplete answers a request whose body could not be read.
func (c *call) incomplete(err error) {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		c.fail(problems.TooLarge)
		return
	}
	reason := "could not be read whole"
	if errors.Is(err, os.ErrDeadlineExceeded) {
		reason = "must arrive within " + c.s.cfg.BodyTimeout.String()
	}
	c.invalid(fsm.Invalid{{Field: "body", Reason: reason}})
}
