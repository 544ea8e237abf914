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
	kindRateLimited      kind = "rate-limited"
	kindNoLeader         kind = "no-leader"
	kindNotReady         kind = "not-ready"
	kindOverloaded       kind = "overloaded"
	kindOutcomeUnknown   kind = "outcome-unknown"
	kindGone             kind = "gone"
	kindInvalid          kind = "invalid"
	kindTooLarge         kind = "too-large"
	kindForbidden        kind = "forbidden"
	kindUnknownHost      kind = "unknown-host"
	kindNotFound         kind = "not-found"
	kindMethodNotAllowed kind = "method-not-allowed"
	kindInternal         kind = "internal"
)

// A row says what one kind of problem is on the wire, and what to do about it.
type row struct {
	kind    kind
	status  int
	title   string
	detail  string // what to do, in a sentence or two
	lost    bool   // the caller certainly holds nothing: stop work
	unknown bool   // something may have been applied
}

// retryAfter is the Retry-After of every 429 and 503, in seconds.
const retryAfter = "1"

// problems is the one table of errors. What stands here stands in openapi.yaml.
var problems = []row{
	{kind: kindHeld, status: http.StatusConflict, title: "Somebody else holds the lease",
		detail: "You do not hold it. Send wait_ms to wait in its queue, or try again later."},
	{kind: kindDelayed, status: http.StatusConflict, title: "The lease is not available yet",
		detail: "It is granted to nobody for now. Send wait_ms to wait in its queue, or try again after available_in_ms."},
	{kind: kindLimitMismatch, status: http.StatusConflict, title: "Another limit is in force",
		detail: "Nothing changed. While anybody holds the lease or waits for it, its limit is fixed: ask with that limit."},
	{kind: kindSessionInUse, status: http.StatusConflict, title: "Another process uses this session",
		detail: "This request got nothing. The session stands here under another label, or asked again meanwhile: every process needs a session of its own."},
	{kind: kindWithdrawn, status: http.StatusConflict, title: "The attempt was withdrawn",
		detail: "This request got nothing: a release has named its attempt. Ask again with another attempt."},
	{kind: kindNotHolder, status: http.StatusConflict, title: "The session does not hold the lease", lost: true,
		detail: "Stop the work that the lease guards. Acquire it anew to go on."},
	{kind: kindBroken, status: http.StatusConflict, title: "An operator broke the hold", lost: true,
		detail: "Stop the work that the lease guards. The lease's history says who broke the hold, and why."},
	{kind: kindStaleToken, status: http.StatusConflict, title: "The token is not the current one", lost: true,
		detail: "No hold stands by this token: it has ended, or it never was of this lease. Stop its work, and refuse what comes with it."},
	{kind: kindNoCandidate, status: http.StatusConflict, title: "Nobody of that label waits",
		detail: "Nothing changed, and you still hold the lease. Name a holder from its queue."},
	{kind: kindRefused, status: http.StatusConflict, title: "The cluster refuses the change",
		detail: "Nothing changed. No lease is touched by it."},
	{kind: kindQueueFull, status: http.StatusTooManyRequests, title: "The queue is full",
		detail: "Nothing was applied. Try again later."},
	{kind: kindTooManyLeases, status: http.StatusTooManyRequests, title: "Too many leases",
		detail: "Nothing was applied. The bound on all leases, or on those of this session, is reached: release what is not needed."},
	{kind: kindStateFull, status: http.StatusTooManyRequests, title: "State size limit reached",
		detail: "Nothing was applied, and no lease is lost. The cluster holds as many bytes of leases as its smallest node allows: release what is not needed, or raise --max-state-bytes."},
	{kind: kindRateLimited, status: http.StatusTooManyRequests, title: "Limit of concurrent requests reached",
		detail: "Nothing was applied. Try again later, or at another node."},
	{kind: kindNoLeader, status: http.StatusServiceUnavailable, title: "The cluster has no leader",
		detail: "Nothing was applied, and nothing is lost. Repeat the same request with the same session, here or at another node."},
	{kind: kindNotReady, status: http.StatusServiceUnavailable, title: "This node does not serve at the moment",
		detail: "Nothing is lost. Repeat the same request with the same session, here or at another node."},
	{kind: kindOverloaded, status: http.StatusServiceUnavailable, title: "Too much is waiting already",
		detail: "Nothing was applied, and nothing is lost. Repeat the same request with the same session a little later."},
	{kind: kindOutcomeUnknown, status: http.StatusGatewayTimeout, title: "The outcome is unknown", unknown: true,
		detail: "It may or may not have been applied. Repeat the same request with the same session: that is safe. A holder works on until its own deadline."},
	{kind: kindGone, status: http.StatusGone, title: "The events are no longer kept",
		detail: "Read the leases again, then watch from current."},
	{kind: kindInvalid, status: http.StatusBadRequest, title: "The request is not valid",
		detail: "Nothing changed. Each of errors names a field and what it must be."},
	{kind: kindTooLarge, status: http.StatusRequestEntityTooLarge, title: "The body is too large",
		detail: "Nothing changed. A body may have at most 65536 bytes."},
	{kind: kindForbidden, status: http.StatusForbidden, title: "A web page of another origin may not do this",
		detail: "Nothing changed. Send the request from a program, or from a page of this origin. A proxy must pass Host on unchanged."},
	{kind: kindUnknownHost, status: http.StatusMisdirectedRequest, title: "Host name not allowed",
		detail: "Nothing changed. Use the node's IP address or the name that it advertises, or add the name to --allowed-hosts."},
	{kind: kindNotFound, status: http.StatusNotFound, title: "There is nothing here",
		detail: "Nothing changed. GET /openapi.yaml lists every route."},
	{kind: kindMethodNotAllowed, status: http.StatusMethodNotAllowed, title: "The route does not know this method",
		detail: "Nothing changed. The Allow header lists the methods of this route."},
	{kind: kindInternal, status: http.StatusInternalServerError, title: "A defect in lockd", unknown: true,
		detail: "It may or may not have been applied. Please report it with the request_id and the node's log."},
}

// rowOf returns a kind's row.
func rowOf(k kind) (row, bool) {
	for i := range problems {
		if problems[i].kind == k {
			return problems[i], true
		}
	}
	return row{}, false
}

// refusals says which problem a machine's refusal is. A code that is not here is a success.
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
}

// kindOf says which problem it is that kept a command from an answer. What is
// not surely definitive is unknown.
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

// kindOfRead is kindOf for what changes nothing, and so cannot be unknown.
func kindOfRead(err error) kind {
	if k := kindOf(err); k != kindOutcomeUnknown {
		return k
	}
	return kindNotReady
}
