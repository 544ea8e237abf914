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

	// maxRetryAfter is the longest Retry-After that a Client follows.
	maxRetryAfter = 30 * time.Second
)

// A call is one operation, sent to one node after another until one answers.
type call struct {
	method     string
	path       string
	query      url.Values
	session    string         // sent in a header; a session in a URL would be logged
	body       any            // of a POST
	out        any            // receives the body of a 2xx response
	validate   func() error   // checks out; nil: any object is valid
	timeout    time.Duration  // of one attempt, in addition to wait
	wait       time.Duration  // how long the node may wait before it responds
	repeatable bool           // sending it twice has the same effect as once
	waits      bool           // it may keep a connection for long, so it stays at the node of the last one
	errs       *attemptErrors // of earlier calls for the same operation; nil: none

	// prepare, if it is not nil, returns body and wait of an attempt. elapsed is the time since the
	// start of the call.
	prepare func(elapsed time.Duration) (body any, wait time.Duration)
}

// forwarded reports whether a follower would forward the call to the leader. A call that waits is
// excluded: waits keep their connections, and those shall not all be at one node.
func (cl *call) forwarded() bool { return !cl.waits && cl.query.Get("stale") == "" }

// leasePath returns the path of an operation on a lease; verb may be empty.
func leasePath(name, verb string) string {
	p := "/v1/leases/" + url.PathEscape(name)
	if verb != "" {
		p += "/" + verb
	}
	return p
}

func (c *Client) get(ctx context.Context, path string, query url.Values, out any, fits func() error) error {
	_, err := c.do(ctx, readCall(c, path, query, out, fits))
	return err
}

// readCall returns the call of a read.
func readCall(c *Client, path string, query url.Values, out any, fits func() error) call {
	return call{method: http.MethodGet, path: path, query: query, out: out, validate: fits,
		timeout: c.attemptTimeout(0), repeatable: true}
}

// do sends the call to one address after another until a response is final. It returns the time at
// which the request of that response was sent.
//
// A request that was certainly not applied goes to the next address. A request with an unknown
// outcome does so only if a repeat is harmless. An unknown outcome stays unknown until a response
// is final. A call that ends without a final response returns the last response of a node.
func (c *Client) do(ctx context.Context, cl call) (instant, error) {
	errs := cl.errs
	if errs == nil {
		errs = new(attemptErrors)
	}
	start, pause := c.clock(), minPause
	for {
		p := c.tryAll(ctx, &cl, start, errs)
		if p.ended {
			return p.sent, p.err
		}
		if !p.answered && ctx.Err() == nil {
			c.reachability.warnUnreachable(p.err)
		}
		refused := p.refused == len(c.addrs)
		if refused && ctx.Err() == nil {
			errs.answer = nil // no node listens any more, so the earlier response is outdated
		}
		left := c.retryFor - c.clock().since(start)
		if refused || left <= 0 || c.unreachable(start, c.unreachableTimeout) {
			return instant{}, errs.finalError(p.err)
		}
		if !sleep(ctx, max(min(p.waitFor, left), jitter(pause))) {
			return instant{}, errs.finalError(context.Cause(ctx))
		}
		pause = min(2*pause, maxPause)
	}
}

// A pass is one attempt at each address, in turn, until the call ends.
type pass struct {
	ended    bool          // the call ends, with sent and err
	sent     instant       // when the last request was sent
	err      error         // of the last attempt
	refused  int           // number of addresses at which nothing listens
	answered bool          // a node responded
	waitFor  time.Duration // the longest Retry-After of an overloaded node
}

// tryAll sends the call to each address, starting with that of the leader if only the leader can
// answer it, until a response is final or the call cannot be repeated.
func (c *Client) tryAll(ctx context.Context, cl *call, start instant, errs *attemptErrors) (p pass) {
	for _, i := range c.route.order(cl.forwarded(), c.clock()) {
		if ctx.Err() != nil {
			return pass{ended: true, err: errs.finalError(context.Cause(ctx))}
		}
		p.sent = c.clock()
		if cl.prepare != nil {
			cl.body, cl.wait = cl.prepare(p.sent.since(start))
		}
		reached, err := c.attempt(ctx, c.addrs[i], *cl)
		if !reached && ctx.Err() == nil {
			c.route.notResponded(i, c.clock())
		}
		p.err, p.answered = err, p.answered || reached
		switch classify(err) {
		case final:
			c.route.succeeded(i)
			*errs = attemptErrors{maybeApplied: errs.maybeApplied || errs.unknown != nil}
			p.ended = true
			return p
		case notSent:
			p.refused++
		}
		errs.record(err)
		if errs.unknown != nil && !cl.repeatable {
			p.ended, p.err = true, errs.finalError(err)
			return p
		}
		p.waitFor = max(p.waitFor, overload(err))
	}
	return p
}

// attemptErrors are the errors of a call's attempts that had no final response.
type attemptErrors struct {
	unknown      *UnknownError // an attempt may have been applied
	answer       *Error        // the last response that reported that nothing was applied
	maybeApplied bool          // an earlier attempt may have been applied, although the call has its response now
}

func (h *attemptErrors) record(err error) {
	var e *Error
	if !errors.As(err, &h.unknown) && errors.As(err, &e) && errors.Is(e, ErrUnavailable) {
		h.answer = e
	}
}

// finalError returns the error of a call that ends because of err, without a final response.
func (h *attemptErrors) finalError(err error) error {
	switch {
	case h.unknown != nil && h.answer != nil:
		// Only the title of the response, as text. Its detail and its type report that nothing was
		// applied, which is true of this response and not of the whole call.
		brief := Error{Title: h.answer.Title, Type: h.answer.Type, Status: h.answer.Status}
		title := strings.TrimPrefix(brief.Error(), "lockd: ")
		return &UnknownError{Err: fmt.Errorf("%w; the last answer was: %s", h.unknown.Err, title)}
	case h.unknown != nil:
		return h.unknown
	case h.answer == nil || errors.Is(err, h.answer):
		return err
	}
	return &lastAnswer{h.answer, err}
}

// lastAnswer is the last response of a node. It also wraps the error that ended the call.
type lastAnswer struct {
	answer *Error
	end    error
}

func (l *lastAnswer) Error() string   { return l.answer.Error() }
func (l *lastAnswer) Unwrap() []error { return []error{l.answer, l.end} }

// attemptResult is the meaning of an attempt's error for the call.
type attemptResult int

const (
	final    attemptResult = iota // a node responded; the call ends
	notSent                       // nothing listens at the address
	tryAgain                      // not applied, or outcome unknown
)

func classify(err error) attemptResult {
	var e *Error
	var u *UnknownError
	switch {
	case errors.As(err, &u), errors.Is(err, errUnread):
		return tryAgain
	case errors.As(err, &e):
		if errors.Is(e, ErrUnavailable) {
			return tryAgain
		}
	case errors.Is(err, ErrUnavailable):
		return notSent
	}
	return final
}

// errUnread is the failure of a GET after it was sent. Nothing was changed.
var errUnread = fmt.Errorf("%w: no answer", ErrUnavailable)

// overload returns the Retry-After of an overloaded node, else 0.
func overload(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) && e.Type == TypeOverloaded {
		return e.RetryAfter
	}
	return 0
}

// attempt sends the call once to one node. If the token is refused, it sends the call once more if
// the token has changed. answered reports whether the node responded.
func (c *Client) attempt(ctx context.Context, addr endpoint, cl call) (answered bool, err error) {
	ctx = context.WithValue(ctx, attemptTime{}, cl.timeout)
	ctx, cancel := context.WithTimeout(ctx, cl.wait+cl.timeout)
	defer cancel()
	token := c.tokens.current(c.clock())
	answered, err = c.exchange(ctx, addr, cl, token)
	if refusesToken(err) && c.tokens.changed(token, c.clock()) {
		return c.exchange(ctx, addr, cl, c.tokens.current(c.clock()))
	}
	return answered, err
}

// exchange sends the call with a token and reads the response.
func (c *Client) exchange(ctx context.Context, addr endpoint, cl call, token string) (answered bool, err error) {
	sent := c.clock()
	var tr trace
	req, err := c.newRequest(tr.attach(ctx), addr, cl, token)
	if err != nil {
		return false, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		neverSent := tooLate(err) || tr.neverSent(err)
		c.noteCutConnection(ctx, sent, neverSent)
		return false, noAnswerError(cl.method, neverSent, err)
	}
	defer resp.Body.Close()
	answer, err := readAnswer(resp.Body)
	if err != nil {
		c.noteCutConnection(ctx, sent, false)
		return false, noAnswerError(cl.method, false, err)
	}
	c.reachability.answered(c.clock())
	c.route.responded(addr.index, resp.Header)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return true, refusalError(cl.method, parseProblem(resp.StatusCode, retryAfter(resp.Header), masked(answer, token)))
	}
	if err := maskedError(cl.read(answer), token); err != nil {
		return true, noAnswerError(cl.method, false, fmt.Errorf("unreadable answer: %w", err))
	}
	return true, nil
}

// noteCutConnection counts a connection that was open for longer than the limit, and was cut before
// its deadline, as a response: a load balancer cuts long waits in this way.
func (c *Client) noteCutConnection(ctx context.Context, sent instant, neverSent bool) {
	if now := c.clock(); !neverSent && ctx.Err() == nil && now.since(sent) >= c.unreachableTimeout {
		c.reachability.answered(now)
	}
}

func (c *Client) newRequest(ctx context.Context, addr endpoint, cl call, token string) (*http.Request, error) {
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
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Accept", "application/json")
	if cl.session != "" {
		req.Header.Set("Lockd-Session", cl.session)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		setBody(req, body, time.Now().Add(cl.timeout-cl.timeout/sendDivisor))
	}
	if cl.repeatable {
		// The nil value is not sent. It allows the transport to repeat a POST on a new connection
		// if the node has just closed the idle one.
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

// noAnswerError returns the error of an attempt that got no complete response.
func noAnswerError(method string, neverSent bool, err error) error {
	err = explainTLS(err)
	switch {
	case neverSent:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case method == http.MethodGet:
		return fmt.Errorf("%w: %w", errUnread, err)
	}
	return &UnknownError{Err: err}
}

// refusalError returns the error of a response that is not a 2xx.
func refusalError(method string, err error) error {
	var u *UnknownError
	if method == http.MethodGet && errors.As(err, &u) {
		return fmt.Errorf("%w: %w", errUnread, u.Err)
	}
	return err
}

// trace records whether a request ever had a connection.
type trace struct {
	wanted, got atomic.Bool // set by the transport's goroutines
}

func (t *trace) attach(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { t.wanted.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { t.got.Store(true) },
	})
}

// neverSent reports whether err certainly occurred before the first byte was sent. If the transport
// does not support tracing, only a dial error counts.
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

// sleep waits for d. It reports whether ctx was not done at the end.
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
