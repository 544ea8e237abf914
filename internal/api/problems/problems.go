// Package problems has the table of all problems, and the texts that explain them.
package problems

import (
	"errors"
	"net/http"

	"github.com/lockd/lockd/internal/fsm"
)

// Kind is a problem's type: the last segment of its URI.
type Kind string

// The kinds of problems.
const (
	Held             Kind = "held"
	Delayed          Kind = "delayed"
	LimitMismatch    Kind = "limit-mismatch"
	SessionInUse     Kind = "session-in-use"
	Withdrawn        Kind = "withdrawn"
	NotHolder        Kind = "not-holder"
	Broken           Kind = "broken"
	StaleToken       Kind = "stale-token"
	NoCandidate      Kind = "no-such-candidate"
	Refused          Kind = "refused"
	QueueFull        Kind = "queue-full"
	TooManyLeases    Kind = "too-many-leases"
	StateFull        Kind = "state-full"
	Quota            Kind = "quota"
	RateLimited      Kind = "rate-limited"
	NoLeader         Kind = "no-leader"
	NotReady         Kind = "not-ready"
	Overloaded       Kind = "overloaded"
	OutcomeUnknown   Kind = "outcome-unknown"
	Gone             Kind = "gone"
	Invalid          Kind = "invalid"
	TooLarge         Kind = "too-large"
	CrossOrigin      Kind = "cross-origin"
	Unauthenticated  Kind = "unauthenticated"
	NotAllowed       Kind = "not-allowed"
	UnknownHost      Kind = "unknown-host"
	NotFound         Kind = "not-found"
	MethodNotAllowed Kind = "method-not-allowed"
	Internal         Kind = "internal"
)

// A Row describes one kind of problem: its status and texts.
type Row struct {
	Kind    Kind
	Status  int
	Title   string
	Detail  string // what to do, in one or two sentences
	Lost    bool   // the caller certainly holds nothing and must stop its work
	Unknown bool   // the request may have been applied
}

// RetryAfter is the Retry-After of every 429 and 503, in seconds.
const RetryAfter = "1"

// All is the table of all errors. openapi.yaml has the same.
var All = []Row{
	{Kind: Held, Status: http.StatusConflict, Title: "Lease held by another session",
		Detail: "You do not hold the lease. Send wait_ms to wait in its queue, or try again later."},
	{Kind: Delayed, Status: http.StatusConflict, Title: "Lease not available yet",
		Detail: "No session can acquire the lease yet. Send wait_ms to wait in its queue, or try again after available_in_ms."},
	{Kind: LimitMismatch, Status: http.StatusConflict, Title: "Lease limit mismatch",
		Detail: "Nothing changed. The limit of a lease is fixed while a session holds it or waits for it. Send the current limit."},
	{Kind: SessionInUse, Status: http.StatusConflict, Title: "Session in use by another process",
		Detail: "This request got nothing. The session has another holder name here, or has sent a newer acquire. Use a new session for each process."},
	{Kind: Withdrawn, Status: http.StatusConflict, Title: "Acquire attempt withdrawn",
		Detail: "This request got nothing: a release named its attempt. Send the acquire with a new attempt."},
	{Kind: NotHolder, Status: http.StatusConflict, Title: "Lease not held by this session", Lost: true,
		Detail: "Stop the work that the lease guards. Acquire the lease again to continue."},
	{Kind: Broken, Status: http.StatusConflict, Title: "Hold broken by an operator", Lost: true,
		Detail: "Stop the work that the lease guards. The lease's history shows who broke the hold and why."},
	{Kind: StaleToken, Status: http.StatusConflict, Title: "Stale fencing token", Lost: true,
		Detail: "This token is not current: the hold has ended, or the token belongs to another lease. Stop the work it guards and reject its writes."},
	{Kind: NoCandidate, Status: http.StatusConflict, Title: "No waiter with that holder name",
		Detail: "Nothing changed, and you still hold the lease. Send the holder name of a waiter in its queue."},
	{Kind: Refused, Status: http.StatusConflict, Title: "Cluster change refused",
		Detail: "Nothing changed. No lease is affected."},
	{Kind: QueueFull, Status: http.StatusTooManyRequests, Title: "Lease queue full",
		Detail: "Nothing was applied. Try again later."},
	{Kind: TooManyLeases, Status: http.StatusTooManyRequests, Title: "Too many leases",
		Detail: "Nothing was applied. The cluster or this session has the maximum number of leases. Release leases that are not needed."},
	{Kind: StateFull, Status: http.StatusTooManyRequests, Title: "State size limit reached",
		Detail: "Nothing was applied, and no lease is lost. The leases take as many bytes as the smallest node allows. Release leases that are not needed, or raise --max-state-bytes."},
	{Kind: Quota, Status: http.StatusTooManyRequests, Title: "Quota used up",
		Detail: "Nothing was applied, and no lease is lost. The leases in this scope use up the quota that an administrator has set. Release leases that are not needed."},
	{Kind: RateLimited, Status: http.StatusTooManyRequests, Title: "Limit of concurrent requests reached",
		Detail: "Nothing was applied. Try again later, or at another node."},
	{Kind: NoLeader, Status: http.StatusServiceUnavailable, Title: "No cluster leader",
		Detail: "Nothing was applied, and nothing is lost. Repeat the same request with the same session, here or at another node."},
	{Kind: NotReady, Status: http.StatusServiceUnavailable, Title: "Node not ready",
		Detail: "Nothing is lost. Repeat the same request with the same session, here or at another node."},
	{Kind: Overloaded, Status: http.StatusServiceUnavailable, Title: "Too many pending requests",
		Detail: "Nothing was applied, and nothing is lost. Repeat the same request with the same session after a pause."},
	{Kind: OutcomeUnknown, Status: http.StatusGatewayTimeout, Title: "Outcome unknown", Unknown: true,
		Detail: "The request may or may not have been applied. Repeat it with the same session: that is safe. A hold that you have is valid until your own deadline."},
	{Kind: Gone, Status: http.StatusGone, Title: "Events no longer available",
		Detail: "Read the leases again, then watch from current."},
	{Kind: Invalid, Status: http.StatusBadRequest, Title: "Invalid request",
		Detail: "Nothing changed. Each entry of errors names a field and what it must be."},
	{Kind: TooLarge, Status: http.StatusRequestEntityTooLarge, Title: "Request body too large",
		Detail: "Nothing changed. Send a body of at most 65536 bytes."},
	{Kind: Unauthenticated, Status: http.StatusUnauthorized, Title: "Credential required",
		Detail: "Nothing changed, and a hold that you have is valid until your own deadline. Send a valid token: Authorization: Bearer lockd_..."},
	{Kind: NotAllowed, Status: http.StatusForbidden, Title: "Not allowed by the caller's rules",
		Detail: "Nothing changed, and a hold that you have is valid until your own deadline. Ask an administrator for a rule, or use a lease within yours."},
	{Kind: CrossOrigin, Status: http.StatusForbidden, Title: "Cross-origin request refused",
		Detail: "Nothing changed. Send the request from a program, or from a page of this origin. A proxy must pass Host on unchanged."},
	{Kind: UnknownHost, Status: http.StatusMisdirectedRequest, Title: "Host name not allowed",
		Detail: "Nothing changed. Use the node's IP address or the name that it advertises, or add the name to --allowed-hosts."},
	{Kind: NotFound, Status: http.StatusNotFound, Title: "Not found",
		Detail: "Nothing changed. GET /openapi.yaml lists every route."},
	{Kind: MethodNotAllowed, Status: http.StatusMethodNotAllowed, Title: "Method not allowed",
		Detail: "Nothing changed. The Allow header lists the methods of this route."},
	{Kind: Internal, Status: http.StatusInternalServerError, Title: "Internal error", Unknown: true,
		Detail: "The request may or may not have been applied. Please report this with the request_id and the node's log."},
}

// Find returns the row of a kind.
func Find(k Kind) (Row, bool) {
	for i := range All {
		if All[i].Kind == k {
			return All[i], true
		}
	}
	return Row{}, false
}

// Refusals maps the refusals of the state machine to problems. Codes that are not in the map are successes.
var Refusals = map[fsm.Code]Kind{
	fsm.CodeQueued:        Held,
	fsm.CodeHeld:          Held,
	fsm.CodeDelayed:       Delayed,
	fsm.CodeLimitMismatch: LimitMismatch,
	fsm.CodeSessionInUse:  SessionInUse,
	fsm.CodeNotHolder:     NotHolder,
	fsm.CodeBroken:        Broken,
	fsm.CodeStaleToken:    StaleToken,
	fsm.CodeNoCandidate:   NoCandidate,
	fsm.CodeQueueFull:     QueueFull,
	fsm.CodeTooManyLeases: TooManyLeases,
	fsm.CodeStateFull:     StateFull,
	fsm.CodeWithdrawn:     Withdrawn,
	fsm.CodeQuota:         Quota,
}

// Of returns the kind of problem for the error of a command. An error that is not known to be definitive has the
// kind outcome-unknown.
func Of(err error) Kind {
	switch {
	case errors.Is(err, fsm.ErrNoLeader):
		return NoLeader
	case errors.Is(err, fsm.ErrNotReady):
		return NotReady
	case errors.Is(err, fsm.ErrOverloaded):
		return Overloaded
	}
	return OutcomeUnknown
}

// OfRead is like Of for a request that changes nothing, so that its outcome cannot be unknown.
func OfRead(err error) Kind {
	if k := Of(err); k != OutcomeUnknown {
		return k
	}
	return NotReady
}
