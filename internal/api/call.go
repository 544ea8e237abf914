package api

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/tracing"
)

// call is a request that is being handled. It is also the ResponseWriter that handlers use, so that every answer gets
// the same headers.
type call struct {
	answer
	r     *http.Request
	query form.Query // only parameters of the route

	caller  caller
	traced  tracing.Request
	holder  string                        // that an acquire states
	pace    *pace                         // of what the call sends of all objects; nil: none
	revoked atomic.Pointer[problems.Kind] // why a long call was ended
}

// deadline returns a context that bounds the time for this request: the request timeout plus the wait.
func (c *call) deadline(wait time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.r.Context(), c.s.cfg.RequestTimeout+wait)
}

// gone reports whether the client has closed its connection.
func (c *call) gone() bool { return c.r.Context().Err() != nil }

// closing reports whether the server is stopping.
func (c *call) closing() bool { return c.s.closing.Err() != nil }
