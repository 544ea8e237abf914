package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/api/documents"
)

// methods are the methods that a route can have.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace}

// routes returns the router with all routes. openapi.yaml has the same paths.
func (s *Server) routes() http.Handler {
	m := chi.NewRouter()
	m.Use(s.begin, route, middleware.GetHead)
	m.NotFound(notFound)
	m.MethodNotAllowed(notAllowed)

	post(m, "/v1/leases/{name}/acquire", demand{right: access.Acquire, action: "lease.acquire"}, acquire)
	post(m, "/v1/leases/{name}/renew", demand{right: access.Acquire, action: "lease.renew"}, renew)
	post(m, "/v1/leases/{name}/release", demand{right: access.Acquire, action: "lease.release"}, release)
	post(m, "/v1/leases/{name}/transfer", demand{right: access.Acquire, action: "lease.transfer"}, transfer)
	post(m, "/v1/leases/{name}/step-down", demand{right: access.Operate, action: "lease.step-down"}, stepDown)
	post(m, "/v1/leases/{name}/break", demand{right: access.Operate, action: "lease.break"}, breakHold)
	get(m, "/v1/leases", demand{right: access.Read, action: "lease.list"}, listLeases,
		"prefix", "holder", "principal", "state", "waited", "order", "limit", "cursor", "stale")
	get(m, "/v1/leases/{name}", demand{right: access.Read, action: "lease.get"}, getLease, "stale")
	get(m, "/v1/leases/{name}/check", demand{right: access.Read, action: "lease.check"}, checkToken, "token")
	get(m, "/v1/leases/{name}/history", demand{right: access.Read, action: "lease.history"}, getHistory, "stale")

	get(m, "/v1/leases/{name}/explain", demand{right: access.Read, action: "lease.explain"}, explainLease, "session", "stale")
	get(m, "/v1/holders", demand{right: access.Read, action: "holder.list"}, listHolders, "prefix", "principal", "limit")
	get(m, "/v1/events", demand{right: access.Read, action: "event.list"}, listEvents,
		"name", "prefix", "type", "actor", "since", "until", "before", "limit")
	get(m, "/v1/stats", demand{right: access.Read, action: "stats.get"}, getStats)

	post(m, "/v1/acquire", demand{right: access.Acquire, action: "lease.acquire-all"}, acquireAll)

	post(m, "/v1/sessions/renew", demand{right: access.Acquire, action: "session.renew"}, renewSession)
	post(m, "/v1/sessions/release", demand{right: access.Acquire, action: "session.release"}, releaseSession)

	get(m, "/v1/watch", demand{right: access.Read, action: "lease.watch"}, watch, "name", "prefix", "after", "wait_ms")

	get(m, "/v1/cluster", demand{right: access.Any, action: "cluster.get"}, getCluster, "reports")
	post(m, "/v1/cluster/remove", demand{right: access.Admin, action: "cluster.remove"}, removeNode)
	post(m, "/v1/cluster/transfer-leader", demand{right: access.Admin, action: "cluster.transfer-leader"}, transferLeader)

	get(m, "/v1/log-level", demand{right: access.Admin, action: "log-level.get", always: true}, getLogLevel)
	put(m, "/v1/log-level", demand{right: access.Admin, action: "log-level.set", always: true}, setLogLevel)

	get(m, "/v1/auth", demand{right: access.Any, action: "auth.get"}, getAuth)
	post(m, "/v1/auth", demand{right: access.Admin, action: "auth.set", always: true}, setAuth)
	get(m, "/v1/principals", demand{right: access.Admin, action: "principal.list", always: true}, listPrincipals)
	put(m, "/v1/principals/{principal}", demand{right: access.Admin, action: "principal.set", always: true}, setPrincipal)
	del(m, "/v1/principals/{principal}", demand{right: access.Admin, action: "principal.delete", always: true}, deletePrincipal)
	get(m, "/v1/tokens", demand{right: access.Any, action: "token.list", always: true}, listTokens)
	post(m, "/v1/tokens", demand{right: access.Any, action: "token.create", always: true}, createToken)
	del(m, "/v1/tokens/{id}", demand{right: access.Any, action: "token.revoke", always: true}, revokeToken, "break", "principal")

	get(m, "/v1/quotas", demand{right: access.Admin, action: "quota.list", always: true}, listQuotas)
	post(m, "/v1/quotas", demand{right: access.Admin, action: "quota.set", always: true}, setQuota)
	del(m, "/v1/quotas", demand{right: access.Admin, action: "quota.delete", always: true}, deleteQuota, "scope")

	get(m, "/v1/audit", demand{right: access.Admin, action: "audit.list", always: true}, listAudit,
		"actor", "action", "name", "decision", "since", "until", "before", "limit")

	get(m, "/healthz", open, healthz)
	get(m, "/readyz", open, readyz)
	get(m, "/openapi.yaml", open, serveDocument((*documents.Documents).Contract))
	get(m, "/", open, index)
	get(m, "/ui", open, serveDocument((*documents.Documents).Console))
	get(m, "/ui/{file}", open, getConsoleFile)
	get(m, "/docs", open, serveDocument((*documents.Documents).Reference))
	get(m, "/problems", open, serveDocument((*documents.Documents).Problems))
	get(m, "/problems/{type}", open, explainProblem)
	get(m, "/metrics", demand{right: access.Metrics, action: "metrics.get"}, getMetrics)

	s.kubeRoutes(m)
	return m
}

// open is the demand of a route that everyone may use.
var open = demand{right: access.None}

func get(m chi.Router, path string, d demand, serve func(*call), params ...string) {
	m.Get(path, handler(d, serve, params))
}

func post(m chi.Router, path string, d demand, serve func(*call)) {
	m.Post(path, handler(d, serve, nil))
}

func put(m chi.Router, path string, d demand, serve func(*call)) { m.Put(path, handler(d, serve, nil)) }

func del(m chi.Router, path string, d demand, serve func(*call), params ...string) {
	m.Delete(path, handler(d, serve, params))
}

// handler returns a handler that admits the caller, parses the query, and calls serve if the query is valid. What serve
// does with a lease is checked when its command or query is known.
func handler(d demand, serve func(*call), params []string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c := w.(*call)
		if admit(c, d) && c.parse(params) {
			serve(c)
		}
	}
}
