package api

import (
	"errors"
	"net/http"

	"github.com/lockd/lockd/internal/fsm"
)

// kind is a problem's type: the last segment of its URI.
type kind string

const (
	kindHeld             kind = "held"
	kindDelayed          kind = "delayed"
	kindLimitMismatch    kind = "limit-mismatch"
	kindSessionInUse     kind = "session-in-use"
	kindWithdrawn        kind = "withdrawn"
	kindNotHolder        kind = "not-holder"
	kindBroken           kind = "broken"
	kindStaleToken       kind = "stale-token"
	kindNoCandidate      kind = "no-such-candidate"
	kindRefused          kind = "refused"
	kindQueueFull        kind = "queue-full"
	kindTooManyLeases    kind = "too-many-leases"
	kindStateFull        kind = "state-full"
	kindQuota            kind = "quota"
	kindRateLimited      kind = "rate-limited"
	kindNoLeader         kind = "no-leader"
	kindNotReady         kind = "not-ready"
	kindOverloaded       kind = "overloaded"
	kindOutcomeUnknown   kind = "outcome-unknown"
	kindGone             kind = "gone"
	kindInvalid          kind = "invalid"
	kindTooLarge         kind = "too-large"
	kindCrossOrigin      kind = "cross-origin"
	kindUnauthenticated  kind = "unauthenticated"
	kindNotAllowed       kind = "not-allowed"
	kindUnknownHost      kind = "unknown-host"
	kindNotFound         kind = "not-found"
	kindMethodNotAllowed kind = "method-not-allowed"
	kindInternal         kind = "internal"
)

// row describes one kind of problem: its status and texts.
type row struct {
	kind    kind
	status  int
	title   string
	detail  string // what to do, in one or two sentences
	lost    bool   // the caller certainly holds nothing and must stop its work
	unknown bool   // the request may have been applied
}

// retryAfter is the Retry-After of every 429 and 503, in seconds.
const retryAfter = "1"

// problems is the table of all errors. openapi.yaml has the same.
var problems = []row{
	{kind: kindHeld, status: http.StatusConflict, title: "Lease held by another session",
		detail: "You do not hold the lease. Send wait_ms to wait in its queue, or try again later."},
	{kind: kindDelayed, status: http.StatusConflict, title: "Lease not available yet",
		detail: "No session can acquire the lease yet. Send wait_ms to wait in its queue, or try again after available_in_ms."},
	{kind: kindLimitMismatch, status: http.StatusConflict, title: "Lease limit mismatch",
		detail: "Nothing changed. The limit of a lease is fixed while a session holds it or waits for it. Send the current limit."},
	{kind: kindSessionInUse, status: http.StatusConflict, title: "Session in use by another process",
		detail: "This request got nothing. The session has another holder name here, or has sent a newer acquire. Use a new session for each process."},
	{kind: kindWithdrawn, status: http.StatusConflict, title: "Acquire attempt withdrawn",
		detail: "This request got nothing: a release named its attempt. Send the acquire with a new attempt."},
	{kind: kindNotHolder, status: http.StatusConflict, title: "Lease not held by this session", lost: true,
		detail: "Stop the work that the lease guards. Acquire the lease again to continue."},
	{kind: kindBroken, status: http.StatusConflict, title: "Hold broken by an operator", lost: true,
		detail: "Stop the work that the lease guards. The lease's history shows who broke the hold and why."},
	{kind: kindStaleToken, status: http.StatusConflict, title: "Stale fencing token", lost: true,
		detail: "This token is not current: the hold has ended, or the token belongs to another lease. Stop the work it guards and reject its writes."},
	{kind: kindNoCandidate, status: http.StatusConflict, title: "No waiter with that holder name",
		detail: "Nothing changed, and you still hold the lease. Send the holder name of a waiter in its queue."},
	{kind: kindRefused, status: http.StatusConflict, title: "Cluster change refused",
		detail: "Nothing changed. No lease is affected."},
	{kind: kindQueueFull, status: http.StatusTooManyRequests, title: "Lease queue full",
		detail: "Nothing was applied. Try again later."},
	{kind: kindTooManyLeases, status: http.StatusTooManyRequests, title: "Too many leases",
		detail: "Nothing was applied. The cluster or this session has the maximum number of leases. Release leases that are not needed."},
	{kind: kindStateFull, status: http.StatusTooManyRequests, title: "State size limit reached",
		detail: "Nothing was applied, and no lease is lost. The leases take as many bytes as the smallest node allows. Release leases that are not needed, or raise --max-state-bytes."},
	{kind: kindQuota, status: http.StatusTooManyRequests, title: "Quota used up",
		detail: "Nothing was applied, and no lease is lost. The leases in this scope use up the quota that an administrator has set. Release leases that are not needed."},
	{kind: kindRateLimited, status: http.StatusTooManyRequests, title: "Limit of concurrent requests reached",
		detail: "Nothing was applied. Try again later, or at another node."},
	{kind: kindNoLeader, status: http.StatusServiceUnavailable, title: "No cluster leader",
		detail: "Nothing was applied, and nothing is lost. Repeat the same request with the same session, here or at another node."},
	{kind: kindNotReady, status: http.StatusServiceUnavailable, title: "Node not ready",
		detail: "Nothing is lost. Repeat the same request with the same session, here or at another node."},
	{kind: kindOverloaded, status: http.StatusServiceUnavailable, title: "Too many pending requests",
		detail: "Nothing was applied, and nothing is lost. Repeat the same request with the same session after a pause."},
	{kind: kindOutcomeUnknown, status: http.StatusGatewayTimeout, title: "Outcome unknown", unknown: true,
		detail: "The request may or may not have been applied. Repeat it with the same session: that is safe. A hold that you have is valid until your own deadline."},
	{kind: kindGone, status: http.StatusGone, title: "Events no longer available",
		detail: "Read the leases again, then watch from current."},
	{kind: kindInvalid, status: http.StatusBadRequest, title: "Invalid request",
		detail: "Nothing changed. Each entry of errors names a field and what it must be."},
	{kind: kindTooLarge, status: http.StatusRequestEntityTooLarge, title: "Request body too large",
		detail: "Nothing changed. Send a body of at most 65536 bytes."},
	{kind: kindUnauthenticated, status: http.StatusUnauthorized, title: "Credential required",
		detail: "Nothing changed, and a hold that you have is valid until your own deadline. Send a valid token: Authorization: Bearer lockd_..."},
	{kind: kindNotAllowed, status: http.StatusForbidden, title: "Not allowed by the caller's rules",
		detail: "Nothing changed, and a hold that you have is valid until your own deadline. Ask an administrator for a rule, or use a lease within yours."},
	{kind: kindCrossOrigin, status: http.StatusForbidden, title: "Cross-origin request refused",
		detail: "Nothing changed. Send the request from a program, or from a page of this origin. A proxy must pass Host on unchanged."},
	{kind: kindUnknownHost, status: http.StatusMisdirectedRequest, title: "Host name not allowed",
		detail: "Nothing changed. Use the node's IP address or the name that it advertises, or add the name to --allowed-hosts."},
	{kind: kindNotFound, status: http.StatusNotFound, title: "Not found",
		detail: "Nothing changed. GET /openapi.yaml lists every route."},
	{kind: kindMethodNotAllowed, status: http.StatusMethodNotAllowed, title: "Method not allowed",
		detail: "Nothing changed. The Allow header lists the methods of this route."},
	{kind: kindInternal, status: http.StatusInternalServerError, title: "Internal error", unknown: true,
		detail: "The request may or may not have been applied. Please report this with the request_id and the node's log."},
}

// rowOf returns the row of a kind.
func rowOf(k kind) (row, bool) {
	for i := range problems {
		if problems[i].kind == k {
			return problems[i], true
		}
	}
	return row{}, false
}

// refusals maps the refusals of the state machine to problems. Codes that are not in the map are successes.
var refusals = map[fsm.Code]kind{
	fsm.CodeQueued:        kindHeld,
	fsm.CodeHeld:          kindHeld,
	fsm.CodeDelayed:       kindDelayed,
	fsm.CodeLimitMismatch: kindLimitMismatch,
	fsm.CodeSessionInUse:  kindSessionInUse,
	fsm.CodeNotHolder:     kindNotHolder,
	fsm.CodeBroken:        kindBroken,
	fsm.CodeStaleToken:    kindStaleToken,
	fsm.CodeNoCandidate:   kindNoCandidate,
	fsm.CodeQueueFull:     kindQueueFull,
	fsm.CodeTooManyLeases: kindTooManyLeases,
	fsm.CodeStateFull:     kindStateFull,
	fsm.CodeWithdrawn:     kindWithdrawn,
	fsm.CodeQuota:         kindQuota,
}

// kindOf returns the kind of problem for the error of a command. An error that is not known to be definitive has the
// kind outcome-unknown.
func kindOf(err error) kind {
	switch {
	case errors.Is(err, fsm.ErrNoLeader):
		return kindNoLeader
	case errors.Is(err, fsm.ErrNotReady):
		return kindNotReady
	case errors.Is(err, fsm.ErrOverloaded):
		return kindOverloaded
	}
	return kindOutcomeUnknown
}

// kindOfRead is like kindOf for a request that changes nothing, so that its outcome cannot be unknown.
func kindOfRead(err error) kind {
	if k := kindOf(err); k != kindOutcomeUnknown {
		return k
	}
	return kindNotReady
}
