package kube

import (
	"context"
	"net/http"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

// A Call is a request whose caller is authenticated, and its answer. A method that returns false has sent an answer.
type Call interface {
	http.ResponseWriter
	Request() *http.Request

	// Body reads the body.
	Body() ([]byte, bool)
	// Do passes a command of the caller to the leader. The reply can be a refusal.
	Do(fsm.Command) (fsm.Reply, bool)
	// Query reads the state, linearizably.
	Query(fsm.Query) (fsm.Answer, bool)
	// Within limits the time for the request.
	Within() (context.Context, context.CancelFunc)

	// May reports whether the caller has a right on a lease.
	May(right access.Right, name string) bool
	// Allow reports whether the caller has a right on all of some leases, and answers if it has not.
	Allow(right access.Right, names ...string) bool
	// Hides reports whether an object about a lease is hidden from the caller, which does not have a right on that. The
	// request is then answered as if there were no such object.
	Hides(right access.Right, name string) bool
	// Operates reports whether the caller has the right operate on a lease by its credential. While no credential is needed,
	// that every caller may do everything does not make each of them an operator.
	Operates(name string) bool
	// DryRun records whether the request stores nothing.
	DryRun(dry bool)
	// User returns the name of the caller, or of one without a credential. Operator returns it, or the address of one.
	User() string
	Operator() string

	// Whole waits for one of the places for requests that read all objects, of which each caller and each node have few.
	// leave gives it back. If the client is gone first, ok is false.
	Whole() (leave func(), ok bool)
	// Stream begins an answer without an end, for as long as its context lasts. Send sends a part of it.
	Stream() (ctx context.Context, send func([]byte) error, done func(), ok bool)
}

// Anonymous is the name of a caller without a credential.
const Anonymous = "system:anonymous"
