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
	// Allow is May, and answers if the caller does not have the right.
	Allow(right access.Right, name string) bool
	// User returns the name of the caller, or of one without a credential.
	User() string

	// Stream begins an answer without an end, for as long as its context lasts. Send sends a part of it.
	Stream() (ctx context.Context, send func([]byte) error, done func(), ok bool)
}

// Anonymous is the name of a caller without a credential.
const Anonymous = "system:anonymous"
