package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
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

	post(m, "/v1/leases/{name}/acquire", acquire)
	post(m, "/v1/leases/{name}/renew", renew)
	post(m, "/v1/leases/{name}/release", release)
	post(m, "/v1/leases/{name}/transfer", transfer)
	post(m, "/v1/leases/{name}/step-down", stepDown)
	post(m, "/v1/leases/{name}/break", breakHold)
	get(m, "/v1/leases", listLeases, "prefix", "holder", "limit", "cursor", "stale")
	get(m, "/v1/leases/{name}", getLease, "stale")
	get(m, "/v1/leases/{name}/check", checkToken, "token")
	get(m, "/v1/leases/{name}/history", getHistory, "stale")

	post(m, "/v1/acquire", acquireAll)

	post(m, "/v1/sessions/renew", renewSession)
	post(m, "/v1/sessions/release", releaseSession)

	get(m, "/v1/watch", watch, "name", "prefix", "after", "wait_ms")

	get(m, "/v1/cluster", getCluster)
	post(m, "/v1/cluster/remove", removeNode)
	post(m, "/v1/cluster/transfer-leader", transferLeader)

	get(m, "/healthz", healthz)
	get(m, "/readyz", readyz)
	get(m, "/openapi.yaml", openAPI)
	get(m, "/docs", getDocs)
	get(m, "/docs/rapidoc.js", getDocsScript)
	get(m, "/problems", listProblems)
	get(m, "/problems/{type}", explainProblem)
	get(m, "/metrics", getMetrics)
	return m
}

func get(m chi.Router, path string, serve func(*call), params ...string) {
	m.Get(path, handler(serve, params))
}

func post(m chi.Router, path string, serve func(*call)) { m.Post(path, handler(serve, nil)) }

// handler returns a handler that parses the query and calls serve if the query is valid.
func handler(serve func(*call), params []string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c := w.(*call)
		if c.parse(params) {
			serve(c)
		}
	}
}
