package workload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/test/history/linear"
)

// question is the body of a request. Each kind of request uses its own fields.
type question struct {
	Holder  string      `json:"holder,omitempty"`
	Session string      `json:"session,omitempty"`
	TTL     fsm.Millis  `json:"ttl_ms,omitempty"`
	Wait    fsm.Millis  `json:"wait_ms,omitempty"`
	Limit   int         `json:"limit,omitempty"`
	Token   uint64      `json:"token,omitempty"`
	Reason  string      `json:"reason,omitempty"`
	Grace   *fsm.Millis `json:"grace_ms,omitempty"`
}

// lease is a lease as reads and problems show it.
type lease struct {
	State    string          `json:"state"`
	Revision uint64          `json:"revision"`
	Holders  []linear.Holder `json:"holders"`
	Queue    int             `json:"queue_length"`
}

// answer is the part of a response body that the clients use.
type answer struct {
	lease // of a read

	Token     uint64     `json:"token"`
	Slot      int        `json:"slot"`
	Waited    fsm.Millis `json:"waited_ms"`
	ExpiresIn fsm.Millis `json:"expires_in_ms"`
	WasHeld   bool       `json:"was_held"`

	Type       string `json:"type"` // of a problem
	Definitive bool   `json:"definitive"`
	Queued     bool   `json:"queued"`
	Lease      *lease `json:"lease"`

	status int
	node   string
	twice  bool
}

// SentTwice is a response header. A Transport that sends a request more than once sets it, because the effect of the
// first request may have ended before the second.
const SentTwice = "Test-Sent-Twice"

// request returns the HTTP request of an operation.
func request(op *linear.Op) (method, path string, body *question) {
	path = "/v1/leases/" + op.Name
	if op.Kind == linear.Read {
		return http.MethodGet, path, nil
	}
	q := &question{Session: op.Session, Token: op.Token}
	switch op.Kind {
	case linear.Acquire:
		q.Holder, q.TTL, q.Wait, q.Limit = op.Holder, op.TTL, op.Wait, op.Limit
	case linear.Break:
		q.Reason = "the workload wants it"
		if op.Grace != fsm.InheritGrace {
			q.Grace = &op.Grace
		}
	}
	return http.MethodPost, path + "/" + string(op.Kind), q
}

// send sends one request to one node. If err is not nil, sent reports whether the node may have received it.
func (r *Run) send(ctx context.Context, node string, op *linear.Op) (a answer, sent bool, err error) {
	method, path, q := request(op)
	body, err := json.Marshal(q)
	if err != nil {
		return a, false, err
	}
	if q == nil {
		body = nil
	}
	req, err := http.NewRequestWithContext(ctx, method, node+path, bytes.NewReader(body))
	if err != nil {
		return a, false, err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return a, !neverSent(err), err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(raw, &a)
	}
	a.status, a.node = resp.StatusCode, resp.Header.Get("Lockd-Node")
	a.twice = resp.Header.Get(SentTwice) != ""
	return a, true, err
}

// neverSent reports whether a request failed before there was a connection.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
