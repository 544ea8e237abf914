package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
)

// methods are the methods that a route can have.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace}

// routes returns the router with all routes. openapi.yaml has the same paths.
func (s *Server) routes() http.Handler {
	m := chi.NewRouter()
	m.Use(s.begin, route, middleware.GetHead)
	m.NotFound(func(w http.ResponseWriter, _ *http.Request) { w.(*call).notFound() })
	m.MethodNotAllowed(notAllowed)

	post(m, "/v1/leases/{name}/acquire", access.Acquire, acquire)
	post(m, "/v1/leases/{name}/renew", access.Acquire, renew)
	post(m, "/v1/leases/{name}/release", access.Acquire, release)
	post(m, "/v1/leases/{name}/transfer", access.Acquire, transfer)
	post(m, "/v1/leases/{name}/step-down", access.Operate, stepDown)
	post(m, "/v1/leases/{name}/break", access.Operate, breakHold)
	get(m, "/v1/leases", access.Read, listLeases, "prefix", "holder", "limit", "cursor", "stale")
	get(m, "/v1/leases/{name}", access.Read, getLease, "stale")
	get(m, "/v1/leases/{name}/check", access.Read, checkToken, "token")
	get(m, "/v1/leases/{name}/history", access.Read, getHistory, "stale")

	post(m, "/v1/acquire", access.Acquire, acquireAll)

	post(m, "/v1/sessions/renew", access.Acquire, renewSession)
	post(m, "/v1/sessions/release", access.Acquire, releaseSession)

	get(m, "/v1/watch", access.Read, watch, "name", "prefix", "after", "wait_ms")

	get(m, "/v1/cluster", access.Any, getCluster)
	post(m, "/v1/cluster/join", access.Admin, joinCluster)
	post(m, "/v1/cluster/remove", access.Admin, removeNode)
	post(m, "/v1/cluster/transfer-leader", access.Admin, transferLeader)

	if s.cfg.Access != nil {
		get(m, "/v1/auth", access.Any, getAuth)
		m.Post("/v1/auth", managing(access.Admin, setAuth))
		m.Get("/v1/principals", managing(access.Admin, listPrincipals))
		m.Put("/v1/principals/{principal}", managing(access.Admin, putPrincipal))
		m.Delete("/v1/principals/{principal}", managing(access.Admin, deletePrincipal))
		m.Get("/v1/tokens", managing(access.Any, listTokens))
		m.Post("/v1/tokens", managing(access.Any, createToken))
		m.Delete("/v1/tokens/{id}", managing(access.Any, deleteToken))
	}

	get(m, "/healthz", access.None, healthz)
	get(m, "/readyz", access.None, readyz)
	get(m, "/openapi.yaml", access.None, openAPI)
	get(m, "/docs", access.None, getDocs)
	get(m, "/docs/rapidoc.js", access.None, getDocsScript)
	get(m, "/problems", access.None, listProblems)
	get(m, "/problems/{type}", access.None, explainProblem)
	get(m, "/metrics", access.Metrics, getMetrics)
	return m
}

func get(m chi.Router, path string, right access.Right, serve func(*call), params ...string) {
	m.Get(path, handler(right, serve, params))
}

func post(m chi.Router, path string, right access.Right, serve func(*call)) {
	m.Post(path, handler(right, serve, nil))
}

// handler returns a handler that authenticates the caller, parses the query, and calls serve if the caller has the right
// and the query is valid. The handler checks the right on the leases that the request names.
func handler(right access.Right, serve func(*call), params []string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c := w.(*call)
		if c.admit(right, c.s.authMode()) && c.parse(params) {
			serve(c)
		}
	}
}

// managing returns a handler for principals and tokens. It needs a credential or the socket of a node, also while other
// requests need none: otherwise the first stranger could make itself an administrator for later.
func managing(right access.Right, serve func(*call)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c := w.(*call)
		if c.admit(right, fsm.AuthOn) && c.parse(nil) {
			serve(c)
		}
	}
}
