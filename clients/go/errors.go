package lockd

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The types of an Error.
const (
	TypeHeld           = "held"
	TypeDelayed        = "delayed"
	TypeLimitMismatch  = "limit-mismatch"
	TypeSessionInUse   = "session-in-use"
	TypeWithdrawn      = "withdrawn"
	TypeNotHolder      = "not-holder"
	TypeBroken         = "broken"
	TypeStaleToken     = "stale-token"
	TypeNoCandidate    = "no-such-candidate"
	TypeRefused        = "refused"
	TypeNoLeader       = "no-leader"
	TypeNotReady       = "not-ready"
	TypeOverloaded     = "overloaded"
	TypeOutcomeUnknown = "outcome-unknown"
	TypeGone           = "gone"
	TypeQueueFull      = "queue-full"
	TypeTooManyLeases  = "too-many-leases"
	TypeStateFull      = "state-full"
	TypeRateLimited    = "rate-limited"
	TypeQuota          = "quota"
	TypeInvalid        = "invalid"
	TypeTooLarge       = "too-large"

	TypeUnauthenticated = "unauthenticated"
	TypeNotAllowed      = "not-allowed"
	TypeCrossOrigin     = "cross-origin"

	TypeNotFound  = "not-found"
	TypeBadMethod = "method-not-allowed"
	TypeInternal  = "internal"
)

// Errors to compare with errors.Is. It works with every error of this package.
var (
	// ErrLost: the caller certainly holds nothing, or its local deadline has passed. Stop the work
	// that the lease protects.
	ErrLost = errors.New("lockd: lease lost")

	// ErrHeld: an acquire was refused because other sessions hold the lease or wait for it.
	ErrHeld = errors.New("lockd: held")

	// ErrNotAcquired: an acquire was refused with a 409, for any reason.
	ErrNotAcquired = errors.New("lockd: not acquired")

	// ErrUnavailable: no node accepted the request. Nothing was applied and nothing is lost: repeat
	// the request with the same session.
	ErrUnavailable = errors.New("lockd: unavailable")

	// ErrUnauthenticated: the token or the client certificate is missing, wrong, expired or revoked
	// (401). No hold is lost because of it: continue to work until the deadline.
	ErrUnauthenticated = errors.New("lockd: unauthenticated")

	// ErrNotAllowed: the caller has valid credentials and may not do this (403). No hold is lost
	// because of it.
	ErrNotAllowed = errors.New("lockd: not allowed")

	// ErrReentrant: the work of a Do or an Elect tried to acquire the lease under which it runs,
	// with a wait. Leases are not reentrant.
	ErrReentrant = errors.New("lockd: the lease is already held by the calling work; leases are not reentrant")

	// ErrReleased is the cause with which Lease.Context ends after the holder released or
	// transferred the lease.
	ErrReleased = errors.New("lockd: lease released")
)

// An Error is a refusal by a node: an RFC 9457 problem.
type Error struct {
	Type       string // the short name, such as TypeHeld; "" if the response was no problem
	Status     int    // the HTTP status
	Title      string
	Detail     string
	Definitive bool // nothing was applied
	Lost       bool // the caller certainly holds nothing: stop

	RetryAfter time.Duration // from the Retry-After header, at most 30 s; 0 if there was none

	Lease   *State  // with every 409 about one lease: the lease, as Get returns it
	Leases  []State // with a 409 about several leases: those that could not be acquired
	Session string  // the session of the caller, if the node generated it

	// Set if the wait of an acquire ended and the session keeps its place, with
	// AcquireOptions.KeepPlace.
	Queued          bool
	Position        int // 1 is next
	TicketExpiresIn time.Duration

	FieldErrors []FieldError // with TypeInvalid
}

// A FieldError describes what is wrong with one member or parameter of a request.
type FieldError struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("lockd: ")
	switch {
	case len(e.FieldErrors) > 0:
		for i, f := range e.FieldErrors {
			if i > 0 {
				b.WriteString("; ")
			}
			b.WriteString(f.Field + " " + f.Reason)
		}
	case e.Detail != "":
		b.WriteString(e.Detail)
	case e.Title != "":
		b.WriteString(e.Title)
	default:
		fmt.Fprintf(&b, "status %d", e.Status)
	}
	if e.Type != "" {
		fmt.Fprintf(&b, " (%s)", e.Type)
	}
	return b.String()
}

// forgetPlace removes the place in the queue from a refusal.
func (e *Error) forgetPlace() {
	e.Queued, e.Position, e.TicketExpiresIn = false, 0, 0
	e.Detail = "The wait is over."
	if e.Lease != nil && e.Lease.Holder != "" {
		e.Detail += " " + e.Lease.Holder + " holds it."
	}
}

// Is reports whether e matches one of the errors above.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrLost:
		return e.Lost
	case ErrHeld:
		return e.Type == TypeHeld
	case ErrNotAcquired:
		switch e.Type {
		case TypeHeld, TypeDelayed, TypeLimitMismatch, TypeSessionInUse, TypeWithdrawn:
			return true
		}
	case ErrUnavailable:
		return e.Status == 503 && e.Definitive
	case ErrUnauthenticated:
		return e.Definitive && (e.Type == TypeUnauthenticated || e.Type == "" && e.Status == 401)
	case ErrNotAllowed:
		return e.Definitive && (e.Type == TypeNotAllowed || e.Type == "" && e.Status == 403)
	}
	return false
}

// An UnknownError means that a request may or may not have taken effect: the connection broke after
// it was sent, or the node could not decide. Nothing is lost: continue to work until the local
// deadline, and repeat the request with the same session.
type UnknownError struct {
	Err error // the reason
}

func (e *UnknownError) Error() string { return "lockd: outcome unknown: " + e.Err.Error() }

// Unwrap returns the reason.
func (e *UnknownError) Unwrap() error { return e.Err }

// A GoneError ends a watch that cannot resume, because the history no longer reaches back to its
// revision. Read the state again, then watch from Current.
type GoneError struct {
	Oldest  uint64 // the oldest revision from which a watch can resume
	Current uint64 // the revision of the node
}

func (e *GoneError) Error() string {
	return fmt.Sprintf("lockd: history is gone: oldest is %d, current is %d", e.Oldest, e.Current)
}

// problem is an Error as JSON.
type problem struct {
	Type            string          `json:"type"`
	Title           string          `json:"title"`
	Detail          string          `json:"detail"`
	Definitive      *bool           `json:"definitive"`
	Lost            bool            `json:"lost"`
	Lease           *State          `json:"lease"`
	Leases          []State         `json:"leases"`
	Session         string          `json:"session"`
	Queued          bool            `json:"queued"`
	Position        int             `json:"position"`
	TicketExpiresIn Millis          `json:"ticket_expires_in_ms"`
	Errors          json.RawMessage `json:"errors"`
	Oldest          uint64          `json:"oldest"`
	Current         uint64          `json:"current"`
	RetryAfter      *Millis         `json:"retry_after_ms"` // more exact than the header
}

// parseProblem returns the error of a response that is not a 2xx. It assumes the worst about
// missing members: a bare 5xx, for example of a proxy, is not definitive.
func parseProblem(status int, retryAfter time.Duration, body []byte) error {
	var p problem
	if checkJSON(body) != nil || json.Unmarshal(body, &p) != nil {
		p = problem{Detail: firstLine(body)}
	}
	e := &Error{
		Type:            p.Type[strings.LastIndexByte(p.Type, '/')+1:],
		Status:          status,
		Title:           p.Title,
		Detail:          p.Detail,
		Definitive:      status < 500,
		Lost:            p.Lost,
		RetryAfter:      retryAfter,
		Lease:           p.Lease,
		Leases:          p.Leases,
		Session:         p.Session,
		Queued:          p.Queued,
		Position:        p.Position,
		TicketExpiresIn: p.TicketExpiresIn.Duration(),
	}
	if p.RetryAfter != nil && *p.RetryAfter >= 0 {
		e.RetryAfter = min(*p.RetryAfter, Millis(maxRetryAfter/time.Millisecond)).Duration()
	}
	if p.Definitive != nil {
		e.Definitive = *p.Definitive
	}
	_ = json.Unmarshal(p.Errors, &e.FieldErrors) // an invalid form is ignored: the detail is enough
	switch {
	case e.Type == TypeGone:
		return &GoneError{Oldest: p.Oldest, Current: p.Current}
	case !e.Definitive:
		return &UnknownError{Err: e}
	}
	return e
}

func firstLine(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	return line[:min(len(line), 200)]
}
