package lockd

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"strconv"
)

// State is a lease as every reader sees it. It never contains a session.
type State struct {
	Name        string        `json:"name"`
	State       string        `json:"state"` // free, held, delayed or breaking
	Revision    uint64        `json:"revision"`
	Limit       int           `json:"limit"`
	Holders     []HolderState `json:"holders"` // in an Error: the first 16
	HolderCount int           `json:"holder_count"`
	Holder      string        `json:"holder,omitempty"` // of the first holder
	Token       uint64        `json:"token,omitempty"`  // of the first holder
	Queue       []Waiter      `json:"queue"`            // in the order of service; in an Error: the first 16
	QueueLength int           `json:"queue_length"`
	AvailableIn *Millis       `json:"available_in_ms,omitempty"`
	Transitions uint64        `json:"transitions"`
	Since       Time          `json:"since,omitzero"` // for display; not a deadline
}

// HolderState is one hold. RenewedAgo and FreeIn are nil in a stale read, because only the leader
// knows them. They are for information and are not deadlines.
type HolderState struct {
	Holder     string          `json:"holder"`
	Principal  string          `json:"principal,omitempty"` // that acquired the lease
	Token      uint64          `json:"token"`
	Slot       int             `json:"slot"`
	TTL        Millis          `json:"ttl_ms"`
	Held       Millis          `json:"held_ms"`
	RenewedAgo *Millis         `json:"renewed_ms_ago,omitempty"`
	FreeIn     *Millis         `json:"free_in_ms,omitempty"`
	Breaking   bool            `json:"breaking,omitempty"` // an operator broke it; it ends after the grace period
	StepDown   *StepDown       `json:"step_down,omitempty"`
	Meta       json.RawMessage `json:"meta,omitempty"`
}

// A Waiter is one place in the queue.
type Waiter struct {
	Holder   string `json:"holder"`
	Priority int    `json:"priority"`
	Waiting  Millis `json:"waiting_ms"`
}

// A ReadOption changes how a read is served.
type ReadOption func(url.Values)

// Stale lets the node respond from its own state, without a request to the leader.
func Stale() ReadOption {
	return func(q url.Values) { q.Set("stale", "true") }
}

func readQuery(opts []ReadOption) url.Values {
	q := url.Values{}
	for _, o := range opts {
		o(q)
	}
	return q
}

// Get reads a lease. A free lease is not an error.
func (c *Client) Get(ctx context.Context, name string, opts ...ReadOption) (*State, error) {
	s := new(State)
	return orNil(s, c.get(ctx, leasePath(name, ""), readQuery(opts), s, func() error { return s.validateFor(name) }))
}

// ListOptions filter a listing.
type ListOptions struct {
	Prefix string // of the name
	Holder string
	Limit  int    // of one page
	Cursor string // Page.Next of the previous page
	Stale  bool
}

// A Page is one page of a listing, in the order of the names.
type Page struct {
	Leases   []State `json:"leases"`
	Next     string  `json:"next,omitempty"` // cursor of the next page; "" at the end
	Revision uint64  `json:"revision"`
}

// List reads one page of the leases that are held, delayed, or have waiters.
func (c *Client) List(ctx context.Context, opts ListOptions) (*Page, error) {
	q := url.Values{}
	setIf(q, "prefix", opts.Prefix)
	setIf(q, "holder", opts.Holder)
	setIf(q, "cursor", opts.Cursor)
	if opts.Limit > 0 {
		q.Set("limit", strconv.Itoa(opts.Limit))
	}
	if opts.Stale {
		Stale()(q)
	}
	p := new(Page)
	return orNil(p, c.get(ctx, "/v1/leases", q, p, p.validate))
}

// All reads every page. An error ends the sequence.
func (c *Client) All(ctx context.Context, opts ListOptions) iter.Seq2[State, error] {
	return func(yield func(State, error) bool) {
		for {
			p, err := c.List(ctx, opts)
			if err != nil {
				yield(State{}, err)
				return
			}
			for _, s := range p.Leases {
				if !yield(s, nil) {
					return
				}
			}
			if p.Next == "" {
				return
			}
			opts.Cursor = p.Next
		}
	}
}

// Current is the response for a current token.
type Current struct {
	Name     string `json:"name"`
	Token    uint64 `json:"token"`
	Holder   string `json:"holder"`
	Slot     int    `json:"slot"`
	Revision uint64 `json:"revision"`
}

// Check checks whether a token belongs to a current hold. If it does not, the *Error has status
// 409.
func (c *Client) Check(ctx context.Context, name string, token uint64) (*Current, error) {
	a := new(Current)
	q := url.Values{"token": {strconv.FormatUint(token, 10)}}
	return orNil(a, c.get(ctx, leasePath(name, "check"), q, a, func() error {
		if a.Token != token {
			return errWrongHold
		}
		return nil
	}))
}

// NameHistory are the newest events of one name, newest first.
type NameHistory struct {
	Name     string  `json:"name"`
	Events   []Event `json:"events"`
	Revision uint64  `json:"revision"`
}

// History reads the newest events of a name.
func (c *Client) History(ctx context.Context, name string, opts ...ReadOption) (*NameHistory, error) {
	h := new(NameHistory)
	return orNil(h, c.get(ctx, leasePath(name, "history"), readQuery(opts), h, nil))
}

func setIf(q url.Values, key, value string) {
	if value != "" {
		q.Set(key, value)
	}
}
