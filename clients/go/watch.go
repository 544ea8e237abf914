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

// maxSilence is how long a stream may say nothing before it is taken for dead; a
// node says something every 10 s.
const maxSilence = 30 * time.Second

// WatchOptions say what to watch, and from when.
type WatchOptions struct {
	Name   string // one lease
	Prefix string // or all whose names begin with it; "" means all

	// After is the revision after which changes are told; 0 begins with an
	// EventState for each lease, then EventSynced.
	After uint64
}

// Watch tells the changes of leases, in the order of their revisions and without
// a hole, until ctx ends. When a connection breaks it goes on at another address
// where it was; only the states of a beginning that broke are told again.
//
// The last pair has the error: that of ctx, a *GoneError where the point of
// resumption is no longer in the history, an *Error where the call is wrong, or
// ErrUnavailable where no node could be reached to begin with.
func (c *Client) Watch(ctx context.Context, opts WatchOptions) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		w := watcher{c: c, opts: opts, after: opts.After, start: c.clock(), next: int(c.last.Load()), yield: yield}
		if err := w.run(ctx); !errors.Is(err, errStopped) {
			yield(Event{}, err)
		}
	}
}

// errStopped says that whoever ranges over the watch has had enough.
var errStopped = errors.New("stopped")

// A watcher is one watch over however many connections.
type watcher struct {
	c      *Client
	opts   WatchOptions
	after  uint64 // where a new connection goes on; 0: from the beginning
	start  instant
	next   int  // index of the address to try
	begun  bool // a stream has told something once: from now on never give up
	failed int  // connections that failed in a row
	silent int  // those of them at which no node answered
	yield  func(Event, error) bool

	answered bool // by the connection under way
}

// run connects again and again.
func (w *watcher) run(ctx context.Context) error {
	for {
		err := w.stream(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var unknown *UnknownError
		if !errors.As(err, &unknown) && !errors.Is(err, ErrUnavailable) {
			return err
		}
		w.next++
		w.failed++
		w.silent++
		if w.answered {
			w.silent = 0
		}
		w.answered = false
		if w.silent > 0 && w.silent%len(w.c.addrs) == 0 {
			w.c.reach.silent(err)
		}
		rounds := w.failed / len(w.c.addrs)
		if !w.begun && rounds > 0 && w.c.clock().since(w.start) >= w.c.retryFor {
			return err
		}
		if !sleep(ctx, jitter(min(minPause<<min(rounds, 5), maxPause))) {
			return context.Cause(ctx)
		}
	}
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
		silence.Stop() // whoever reads may take its time
		defer silence.Reset(maxSilence)
		return w.take(m)
	})
}

// connect opens a stream at the next address.
func (w *watcher) connect(ctx context.Context) (io.ReadCloser, error) {
	addr := w.c.addrs[w.next%len(w.c.addrs)]
	cl := call{method: http.MethodGet, path: "/v1/watch", query: w.query(), repeatable: true}
	req, err := w.c.newRequest(ctx, addr, cl)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := w.c.http.Do(req)
	if err != nil {
		return nil, broken(http.MethodGet, false, err)
	}
	w.answered = true
	w.c.reach.answered(w.c.clock())
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	answer, err := readAnswer(resp.Body)
	if err != nil {
		return nil, broken(http.MethodGet, false, err)
	}
	return nil, refusal(http.MethodGet, parseProblem(resp.StatusCode, retryAfter(resp.Header), answer))
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

// take handles one message of the stream. The states of a beginning are no point
// to resume from: a state may have been told, and another of a lower revision not.
func (w *watcher) take(m message) error {
	e, err := parseEvent(m)
	if err != nil {
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
		return errStopped
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
			return e, fmt.Errorf("the id is no integer from 0 to %d", maxInteger)
		}
	}
	if err := e.fits(); err != nil {
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
