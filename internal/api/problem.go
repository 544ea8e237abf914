package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/api/view"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/kube"
)

// problem is the body of an error, as in RFC 9457.
type problem struct {
	Type       string        `json:"type"`
	Title      string        `json:"title"`
	Status     int           `json:"status"`
	Detail     string        `json:"detail"`
	Definitive bool          `json:"definitive"`
	Lost       bool          `json:"lost,omitempty"`
	Queued     bool          `json:"queued,omitempty"`
	Position   int           `json:"position,omitempty"`
	TicketIn   *fsm.Millis   `json:"ticket_expires_in_ms,omitempty"`
	Session    string        `json:"session,omitempty"`
	Lease      *view.Lease   `json:"lease,omitempty"`
	Leases     []*view.Lease `json:"leases,omitempty"` // several names: the leases that blocked the request
	*view.Kept
	Errors    []fieldError `json:"errors,omitempty"`
	RequestID string       `json:"request_id"`
}

type fieldError struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// problem returns the body of a kind of problem. The handler can add members.
func (c *call) problem(k problems.Kind) *problem {
	r, ok := problems.Find(k)
	if !ok {
		panic("api: unknown problem: " + string(k))
	}
	detail := r.Detail
	if r.Status == http.StatusServiceUnavailable && c.r.Method == http.MethodGet {
		detail = "Nothing was read, and no lease is lost. Repeat the request, here or at another node." // a read needs no session
	}
	return &problem{
		Type: problems.Path + string(r.Kind), Title: r.Title, Status: r.Status, Detail: detail,
		Definitive: !r.Unknown, Lost: r.Lost, RequestID: c.id,
	}
}

// fail answers with a problem that has no other members than those of its row.
func (c *call) fail(k problems.Kind) { c.refuse(c.problem(k)) }

func (c *call) refuse(p *problem) {
	if p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable {
		c.Header()["Retry-After"] = []string{problems.RetryAfter}
	}
	if kube.Serves(c.r.URL.Path) {
		kube.Problem(c, c.r, kubeCall{c}.User(), p.Status, p.Title+". "+p.Detail)
		return
	}
	c.send(p.Status, "application/problem+json", p)
}

// invalid answers 400 with the invalid fields.
func (c *call) invalid(wrong fsm.Invalid) {
	p := c.problem(problems.Invalid)
	for _, w := range wrong[:min(len(wrong), form.MaxErrors)] {
		p.Errors = append(p.Errors, fieldError{Field: w.Field, Reason: w.Reason})
	}
	if len(wrong) > 0 {
		p.Detail = fmt.Sprintf("Nothing changed. %s %s", wrong[0].Field, wrong[0].Reason)
		if !strings.HasSuffix(p.Detail, "?") {
			p.Detail += "."
		}
	}
	c.refuse(p)
}

// failed reports whether err is not nil, and then sends the answer for it. kindOf returns the kind of an error of the
// cluster.
func (c *call) failed(err error, kindOf func(error) problems.Kind) bool {
	if err == nil {
		return false
	}
	if c.gone() && !c.closing() {
		c.silent = true
		return true
	}
	if wrong, ok := errors.AsType[fsm.Invalid](err); ok {
		c.invalid(wrong)
		return true
	}
	if refused, ok := errors.AsType[*fsm.Refused](err); ok {
		p := c.problem(problems.Refused)
		p.Detail = "Nothing changed: " + refused.Reason + "."
		c.refuse(p)
		return true
	}
	c.fail(kindOf(err))
	return true
}

// blocker returns a lease that blocks an acquire of several leases, with its holder or its state.
func blocker(l *view.Lease) string {
	if l.Holder != "" {
		return l.Name + " (held by " + l.Holder + ")"
	}
	return l.Name + " (" + l.State + ")"
}

// refused answers a refusal of the state machine, with the current state of the lease.
func (c *call) refused(r *fsm.Reply, session string) {
	if r.Code == fsm.CodeAccessRefused {
		refusedByTable(c, r.Outcome)
		return
	}
	p := c.problem(problems.Refusals[r.Code])
	p.Session = session
	if r.View != nil {
		p.Lease = view.NewLease(r.View, fsm.MaxShown)
		if r.Code == fsm.CodeHeld && p.Lease.Holder != "" {
			p.Detail = fmt.Sprintf("%s holds the lease. Send wait_ms to wait in its queue, or try again later.", p.Lease.Holder)
		}
	}
	if len(r.Blocking) > 0 {
		var names []string
		for _, v := range r.Blocking {
			l := view.NewLease(v, 1)
			p.Leases = append(p.Leases, l)
			names = append(names, blocker(l))
		}
		p.Detail = "No lease was acquired. Blocked by: " + strings.Join(names, ", ") + "."
	}
	if r.Queued {
		p.Queued, p.Position, p.TicketIn = true, r.Position, &r.TicketIn
		p.Detail = "You do not hold the lease. Repeat the request with the same session within ticket_expires_in_ms to keep your place in the queue."
	}
	c.revision = r.Revision
	c.refuse(p)
}
