package lockd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	minPause = 50 * time.Millisecond
	maxPause = time.Second

	// maxRetryAfter is the longest that a node can make a Client wait.
	maxRetryAfter = 30 * time.Second
)

// A call is one request, to whichever node answers.
type call struct {
	method     string
	path       string
	query      url.Values
	body       any           // of a POST
	out        any           // takes the body of a 2xx
	fits       func() error  // says what is wrong with out; nil: any object will do
	timeout    time.Duration // of one attempt, in addition to wait
	wait       time.Duration // how long the node may wait before it answers
	repeatable bool          // sent twice it does what it does once
	so         *heard        // by earlier calls for the same thing; nil: there are none

	// prepare, unless it is nil, returns body and wait of an attempt that begins so long
	// after the call.
	prepare func(elapsed time.Duration) (body any, wait time.Duration)
}

// leasePath returns the path of what is done to a lease; verb may be empty.
func leasePath(name, verb string) string {
	p := "/v1/leases/" + url.PathEscape(name)
	if verb != "" {
		p += "/" + verb
	}
	return p
}

func (c *Client) get(ctx context.Context, path string, query url.Values, out any, fits func() error) error {
	_, err := c.do(ctx, call{method: http.MethodGet, path: path, query: query, out: out, fits: fits,
		timeout: c.attemptTimeout(0), repeatable: true})
	return err
}

// do goes round the addresses until one gives an answer that stands, and returns
// when the request of that answer was sent.
//
// A request that certainly was not applied goes to the next address; one whose
// outcome is unknown only where a repeat is harmless. Once an outcome was unknown
// it stays so until a node gives an answer that stands. A call that has to end
// without one tells the last answer that it had.
func (c *Client) do(ctx context.Context, cl call) (instant, error) {
	so := cl.so
	if so == nil {
		so = new(heard)
	}
	start, pause, first := c.clock(), minPause, int(c.last.Load())
	for {
		var err error
		var refused int
		var answered bool
		var waitFor time.Duration
		for n := range c.addrs {
			if ctx.Err() != nil {
				return instant{}, so.failure(context.Cause(ctx))
			}
			i := (first + n) % len(c.addrs)
			sent := c.clock()
			if cl.prepare != nil {
				cl.body, cl.wait = cl.prepare(sent.since(start))
			}
			var reached bool
			reached, err = c.attempt(ctx, c.addrs[i], cl)
			answered = answered || reached
			answer := classify(err)
			if answer == stands {
				c.last.Store(uint32(i))
				*so = heard{doubted: so.doubted || so.unknown != nil}
				return sent, err
			}
			if answer == notSent {
				refused++
			}
			so.take(err)
			if so.unknown != nil && !cl.repeatable {
				return sent, so.failure(err)
			}
			waitFor = max(waitFor, overload(err))
		}
		if !answered && ctx.Err() == nil {
			c.reach.silent(err)
		}
		if refused == len(c.addrs) && ctx.Err() == nil {
			so.answer = nil // nobody is there any more
		}
		left := c.retryFor - c.clock().since(start)
		if refused == len(c.addrs) || left <= 0 || c.unreachable(start, c.noAnswer) {
			return instant{}, so.failure(err)
		}
		if !sleep(ctx, max(min(waitFor, left), jitter(pause))) {
			return instant{}, so.failure(context.Cause(ctx))
		}
		pause = min(2*pause, maxPause)
	}
}

// heard is what the attempts of a call came to while none had an answer that stands.
type heard struct {
	unknown *UnknownError // one of them may have been applied
	answer  *Error        // the last that said that it was not
	doubted bool          // one of them may have been applied, before the call got its answer
}

func (h *heard) take(err error) {
	var e *Error
	if !errors.As(err, &h.unknown) && errors.As(err, &e) && errors.Is(e, ErrUnavailable) {
		h.answer = e
	}
}

// failure is what a call returns that has to end, which err says, without an
// answer that stands.
func (h *heard) failure(err error) error {
	switch {
	case h.unknown != nil && h.answer != nil:
		// Its title, as text: that nothing was applied, as its detail and its kind say,
		// is true of this answer alone.
		brief := Error{Title: h.answer.Title, Type: h.answer.Type, Status: h.answer.Status}
		said := strings.TrimPrefix(brief.Error(), "lockd: ")
		return &UnknownError{Err: fmt.Errorf("%w; the last answer was: %s", h.unknown.Err, said)}
	case h.unknown != nil:
		return h.unknown
	case h.answer == nil || errors.Is(err, h.answer):
		return err
	}
	return &lastAnswer{h.answer, err}
}

// lastAnswer tells what nodes answered, and is also what ended the call.
type lastAnswer struct {
	answer *Error
	end    error
}

func (l *lastAnswer) Error() string   { return l.answer.Error() }
func (l *lastAnswer) Unwrap() []error { return []error{l.answer, l.end} }

// verdict says what an attempt's error means for the call.
type verdict int

const (
	stands  verdict = iota // a node answered, for good or ill
	notSent                // nothing listens there
	again                  // not applied, or unknown
)

func classify(err error) verdict {
	var e *Error
	var u *UnknownError
	switch {
	case errors.As(err, &u), errors.Is(err, errUnread):
		return again
	case errors.As(err, &e):
		if errors.Is(e, ErrUnavailable) {
			return again
		}
	case errors.Is(err, ErrUnavailable):
		return notSent
	}
	return stands
}

// errUnread is the failure of a GET after it was sent: it changed nothing.
var errUnread = fmt.Errorf("%w: no answer", ErrUnavailable)

// overload returns how long an overloaded node asks to be left alone.
func overload(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) && e.Type == TypeOverloaded {
		return e.RetryAfter
	}
	return 0
}

// attempt sends the call once to one node, and reports whether that answered.
func (c *Client) attempt(ctx context.Context, addr endpoint, cl call) (answered bool, err error) {
	ctx = context.WithValue(ctx, attemptTime{}, cl.timeout)
	ctx, cancel := context.WithTimeout(ctx, cl.wait+cl.timeout)
	defer cancel()
	sent := c.clock()
	var tr trace
	req, err := c.newRequest(tr.attach(ctx), addr, cl)
	if err != nil {
		return false, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		neverSent := tooLate(err) || tr.neverSent(err)
		c.wasCut(ctx, sent, neverSent)
		return false, broken(cl.method, neverSent, err)
	}
	defer resp.Body.Close()
	answer, err := readAnswer(resp.Body)
	if err != nil {
		c.wasCut(ctx, sent, false)
		return false, broken(cl.method, false, err)
	}
	c.reach.answered(c.clock())
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return true, refusal(cl.method, parseProblem(resp.StatusCode, retryAfter(resp.Header), answer))
	}
	if err := cl.read(answer); err != nil {
		return true, broken(cl.method, false, fmt.Errorf("unreadable answer: %w", err))
	}
	return true, nil
}

// wasCut takes a connection that was open for longer than the limit, and was cut before
// its time, as an answer: a load balancer cuts a long wait like that.
func (c *Client) wasCut(ctx context.Context, sent instant, neverSent bool) {
	if now := c.clock(); !neverSent && ctx.Err() == nil && now.since(sent) >= c.noAnswer {
		c.reach.answered(now)
	}
}

func (c *Client) newRequest(ctx context.Context, addr endpoint, cl call) (*http.Request, error) {
	body, err := encode(cl.body)
	if err != nil {
		return nil, err
	}
	target := addr.base + cl.path
	if len(cl.query) > 0 {
		target += "?" + cl.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, cl.method, target, nil)
	if err != nil {
		return nil, fmt.Errorf("lockd: %w", err)
	}
	maps.Copy(req.Header, c.headers)
	if addr.authorization != "" {
		req.Header.Set("Authorization", addr.authorization)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		setBody(req, body, time.Now().Add(cl.timeout-cl.timeout/sendDivisor))
	}
	if cl.repeatable {
		// Sent nowhere: it lets the transport repeat a POST on a new connection
		// where the node had just closed the idle one.
		req.Header["Idempotency-Key"] = nil
	}
	return req, nil
}

func encode(body any) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	b, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("lockd: %w", err)
	}
	return b, nil
}

// broken makes an error of an attempt that got no whole answer.
func broken(method string, neverSent bool, err error) error {
	switch {
	case neverSent:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case method == http.MethodGet:
		return fmt.Errorf("%w: %w", errUnread, err)
	}
	return &UnknownError{Err: err}
}

// refusal makes an error of a node's answer that is no 2xx.
func refusal(method string, err error) error {
	var u *UnknownError
	if method == http.MethodGet && errors.As(err, &u) {
		return fmt.Errorf("%w: %w", errUnread, u.Err)
	}
	return err
}

// trace sees whether a request ever had a connection to be sent on.
type trace struct {
	wanted, got atomic.Bool // the transport's goroutines set them
}

func (t *trace) attach(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { t.wanted.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { t.got.Store(true) },
	})
}

// neverSent reports whether err certainly came before the first byte was sent. A
// transport that does not trace is believed only where it says that it dialled.
func (t *trace) neverSent(err error) bool {
	if t.wanted.Load() {
		return !t.got.Load()
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func retryAfter(h http.Header) time.Duration {
	s, err := strconv.ParseInt(h.Get("Retry-After"), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || s < 0 {
		return 0
	}
	return time.Duration(min(s, int64(maxRetryAfter/time.Second))) * time.Second
}

// jitter returns between half of d and d.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1)
}

// sleep waits, and reports whether ctx was still alive at the end.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
