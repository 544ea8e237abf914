package lockd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxSilence is how long a stream may be silent before it counts as dead. A node sends something
// every 10 s.
const maxSilence = 30 * time.Second

// WatchOptions select what to watch, and from which revision.
type WatchOptions struct {
	Name   string // one lease
	Prefix string // or all leases whose names begin with it; "" means all

	// After is the revision after which changes are sent. With 0, a watch starts with an EventState
	// for each lease, then EventSynced.
	After uint64
}

// Watch returns the changes of leases in the order of their revisions, without gaps, until ctx
// ends. If a connection breaks, it continues at another address from the last revision. Only the
// states at the start are sent again, if the connection breaks during them.
//
// The last pair has the error: the error of ctx; a *GoneError if the history no longer reaches back
// to the revision; an *Error if the call is invalid or refused for its credentials, or for a limit of
// a node at the start; or ErrUnavailable if no node could be reached at the start.
func (c *Client) Watch(ctx context.Context, opts WatchOptions) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		w := watcher{c: c, opts: opts, after: opts.After, start: c.clock(), next: c.route.start(), yield: yield}
		if err := w.run(ctx); !errors.Is(err, errConsumerStopped) {
			yield(Event{}, err)
		}
	}
}

// errConsumerStopped means that the consumer of the watch has stopped.
var errConsumerStopped = errors.New("stopped")

// A watcher is one watch over several connections in sequence.
type watcher struct {
	c          *Client
	opts       WatchOptions
	after      uint64 // where a new connection resumes; 0: from the start
	start      instant
	next       int  // index of the address to try
	begun      bool // a stream has sent a message; from now on the watcher never gives up
	failed     int  // connections that failed in a row
	unanswered int  // connections in a row without a response
	yield      func(Event, error) bool

	answered bool   // by the current connection
	token    string // of the current connection
}

// run connects again until the watch ends.
func (w *watcher) run(ctx context.Context) error {
	for {
		err := w.stream(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if refusesToken(err) && w.c.tokens.changed(w.token, w.c.clock()) {
			continue
		}
		var unknown *UnknownError
		limited := w.limited(err)
		if !errors.As(err, &unknown) && !errors.Is(err, ErrUnavailable) && limited == 0 {
			return err
		}
		w.next++
		w.failed++
		w.unanswered++
		if w.answered {
			w.unanswered = 0
		}
		w.answered = false
		if w.unanswered > 0 && w.unanswered%len(w.c.addrs) == 0 {
			w.c.reachability.warnUnreachable(err)
		}
		rounds := w.failed / len(w.c.addrs)
		if !w.begun && rounds > 0 && w.c.clock().since(w.start) >= w.c.retryFor {
			return err
		}
		if !sleep(ctx, max(limited, jitter(min(minPause<<min(rounds, 5), maxPause)))) {
			return context.Cause(ctx)
		}
	}
}

// limited returns how long to wait before the next connection if a node refused this one because of a
// limit (429). That ends a watch only if it has not begun.
func (w *watcher) limited(err error) time.Duration {
	var e *Error
	if !w.begun || !errors.As(err, &e) || e.Status != http.StatusTooManyRequests {
		return 0
	}
	return max(e.RetryAfter, minPause)
}

// stream reads one connection to its end.
func (w *watcher) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silence := time.AfterFunc(maxSilence, cancel)
	defer silence.Stop()
	body, err := w.connect(ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	return readSSE(body, func(m message) error {
		silence.Stop() // the consumer may be slow
		defer silence.Reset(maxSilence)
		return w.handle(m)
	})
}

// connect opens a stream at the next address.
func (w *watcher) connect(ctx context.Context) (io.ReadCloser, error) {
	addr := w.c.addrs[w.next%len(w.c.addrs)]
	cl := call{method: http.MethodGet, path: "/v1/watch", query: w.query(), repeatable: true}
	w.token = w.c.tokens.current(w.c.clock())
	req, err := w.c.newRequest(ctx, addr, cl, w.token)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := w.c.http.Do(req)
	if err != nil {
		return nil, noAnswerError(http.MethodGet, false, err)
	}
	w.answered = true
	w.c.reachability.answered(w.c.clock())
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	answer, err := readAnswer(resp.Body)
	if err != nil {
		return nil, noAnswerError(http.MethodGet, false, err)
	}
	return nil, refusalError(http.MethodGet, parseProblem(resp.StatusCode, retryAfter(resp.Header), masked(answer, w.token)))
}

func (w *watcher) query() url.Values {
	q := url.Values{}
	setIf(q, "name", w.opts.Name)
	setIf(q, "prefix", w.opts.Prefix)
	if w.after > 0 {
		q.Set("after", strconv.FormatUint(w.after, 10))
	}
	return q
}

// handle processes one message of the stream. A watch cannot resume from the states at the start: a
// state may have been sent, and another one with a lower revision not.
func (w *watcher) handle(m message) error {
	e, err := parseEvent(m)
	if err = maskedError(err, w.token); err != nil {
		return fmt.Errorf("%w: %w", errUnread, err)
	}
	w.begun, w.failed = true, 0
	switch e.Type {
	case "":
		return nil // a keep-alive
	case eventGone:
		return parseGone(m.data)
	case eventMark:
		w.after = max(w.after, e.Revision)
		return nil
	case EventState:
	default:
		w.after = max(w.after, e.Revision)
	}
	if !w.yield(e, nil) {
		return errConsumerStopped
	}
	return nil
}

func parseEvent(m message) (Event, error) {
	var e Event
	if len(m.data) > 0 {
		read := call{out: &e}.read
		if err := read(m.data); err != nil {
			return e, err
		}
	}
	if m.event != "" {
		e.Type = m.event
	}
	if e.Revision == 0 {
		if e.Revision, _ = strconv.ParseUint(m.id, 10, 64); e.Revision > maxInteger { // absent: stays 0
			return e, fmt.Errorf("the id is not an integer from 0 to %d", maxInteger)
		}
	}
	if err := e.validate(); err != nil {
		return e, err
	}
	if e.Type == EventState {
		e.Holder, e.Token = e.Lease.Holder, e.Lease.Token
	}
	return e, nil
}

func parseGone(data []byte) error {
	gone := new(GoneError)
	var p problem
	if checkJSON(data) == nil && json.Unmarshal(data, &p) == nil {
		gone.Oldest, gone.Current = p.Oldest, p.Current
	}
	return gone
}
