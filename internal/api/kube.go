package api

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/listener"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/kube"
	"github.com/lockd/lockd/internal/kube/status"
)

// Objects is the interface of the node for the objects of the Kubernetes API.
type Objects = kube.Objects

// kubeRoutes adds the routes of the Kubernetes API. openapi.yaml does not have them: /openapi/v3 does.
func (s *Server) kubeRoutes(m chi.Router) {
	if s.cfg.Objects == nil {
		return
	}
	server := kube.New(kube.Config{Objects: s.cfg.Objects, Version: s.cfg.Version, Now: time.Now, Random: s.random})
	for _, r := range server.Routes() {
		d := demand{right: r.Right, action: r.Action}
		m.Method(r.Method, r.Path, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if c := w.(*call); admit(c, d) {
				r.Serve(kubeCall{c}, c.param("namespace"), c.param("object"))
			}
		}))
	}
}

// random returns a random number that is not 0.
func (s *Server) random() uint64 {
	b := make([]byte, 8)
	if _, err := io.ReadFull(s.cfg.Random, b); err != nil {
		panic("api: read random bytes: " + err.Error())
	}
	return binary.LittleEndian.Uint64(b) | 1
}

// kubeCall is a call as package kube needs it.
type kubeCall struct{ *call }

// Request implements kube.Call.
func (c kubeCall) Request() *http.Request { return c.r }

// Body implements kube.Call.
func (c kubeCall) Body() ([]byte, bool) { return c.body() }

// Within implements kube.Call.
func (c kubeCall) Within() (context.Context, context.CancelFunc) { return c.deadline(0) }

// Do implements kube.Call.
func (c kubeCall) Do(cmd fsm.Command) (r fsm.Reply, ok bool) {
	named := c.caller.names
	if wrong := cmd.Validate(); c.failed(wrong, problems.Of) || !authorize(c.call, cmd) {
		return r, false
	}
	if len(named) > 1 { // a deletion of several: the audit log names all of them
		c.caller.names = named
	}
	ctx, cancel := c.deadline(0)
	defer cancel()
	r, err := c.s.cfg.Leases.Do(ctx, cmd)
	if c.failed(err, problems.Of) {
		return r, false
	}
	c.revision = r.Revision
	if r.Code == fsm.CodeAccessRefused {
		refusedByTable(c.call, r.Outcome)
		return r, false
	}
	return r, true
}

// Query implements kube.Call.
func (c kubeCall) Query(q fsm.Query) (a fsm.Answer, ok bool) {
	if c.caller.mode != access.Off {
		q.Caller = c.caller.Caller
	}
	ctx, cancel := c.deadline(0)
	defer cancel()
	a, err := c.s.cfg.Leases.Query(ctx, q, false)
	if c.failed(err, problems.OfRead) {
		return a, false
	}
	c.revision = a.Revision
	if a.Outcome != access.Done {
		refusedByTable(c.call, a.Outcome)
		return a, false
	}
	return a, true
}

// May implements kube.Call.
func (c kubeCall) May(right access.Right, name string) bool { return c.caller.sees(right, name) }

// Allow implements kube.Call.
func (c kubeCall) Allow(right access.Right, names ...string) bool {
	ok := allow(c.call, right, names...)
	if len(names) > maxAudited {
		c.caller.names = names[:maxAudited]
		c.caller.target = fmt.Sprintf("%d objects; the names are those of the first %d", len(names), maxAudited)
	}
	return ok
}

// maxAudited bounds the names in a line of the audit log.
const maxAudited = 1_000

// Hides implements kube.Call.
func (c kubeCall) Hides(right access.Right, name string) bool {
	c.caller.names = []string{name}
	return !c.May(right, name) && !tolerates(c.call, problems.NotAllowed, "no rule with the right "+right.String()+" for a lease of the request")
}

// Operates implements kube.Call.
func (c kubeCall) Operates(name string) bool {
	return c.caller.Local || c.caller.Rules.Allow(access.Operate, name)
}

// DryRun implements kube.Call.
func (c kubeCall) DryRun(dry bool) {
	c.caller.target = ""
	if dry {
		c.caller.target = "dry run"
	}
}

// User implements kube.Call.
func (c kubeCall) User() string { return cmp.Or(c.caller.Principal, kube.Anonymous) }

// Operator implements kube.Call.
func (c kubeCall) Operator() string { return operator(c.call) }

// Whole implements kube.Call. What a watch sends at first must be read at a minimum rate.
func (c kubeCall) Whole() (func(), bool) {
	leave, ok := c.s.limits.States.Enter(c.r.Context(), host(c.r.RemoteAddr))
	if !ok {
		c.silent = true
		return nil, false
	}
	c.pace = newPace(c.call)
	return func() {
		c.pace = nil
		leave()
	}, true
}

// Stream implements kube.Call.
func (c kubeCall) Stream() (ctx context.Context, send func([]byte) error, done func(), ok bool) {
	quotas, _ := c.s.cfg.Access.Quotas()
	prefix := document.Prefix
	if namespace := c.param("namespace"); namespace != "" {
		prefix = document.LeaseName(namespace, "")
	}
	uncount, ok := c.s.watching.Enter(quotas, "", prefix)
	if !ok {
		c.fail(problems.Quota)
		return nil, nil, nil, false
	}
	leave, err := c.s.cfg.Events.Join()
	if err != nil {
		uncount()
		kube.Refuse(c, status.TooManyRequests("this node has reached its limit of watchers (--max-watchers)", 1))
		return nil, nil, nil, false
	}
	c.s.metrics.Watchers.Inc()
	ctx, cancel := long(c.r.Context(), c.call, c.caller.names...)
	stop := context.AfterFunc(c.s.closing, cancel)
	c.stream = true
	listener.BoundStream(c.r.Context())
	c.Header()["Content-Type"] = []string{"application/json"}
	c.WriteHeader(http.StatusOK)
	f := frames{c: c.call}
	return ctx, f.raw, func() {
		stop()
		cancel()
		c.s.metrics.Watchers.Dec()
		leave()
		uncount()
	}, true
}

// raw sends bytes at once.
func (f *frames) raw(b []byte) error {
	f.pace = f.c.pace
	f.write(b)
	if f.err == nil {
		f.err = f.c.control().Flush()
	}
	return f.err
}
