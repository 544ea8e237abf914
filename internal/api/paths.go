package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/kube"
)

const leasesPath = "/v1/leases/"

// leaseActions returns the last segments of the paths of a lease's actions. If the last segment of a lease's name is
// one of them, the client must send the slash before it as %2F.
func leaseActions() []string {
	return []string{"acquire", "renew", "release", "transfer", "step-down", "break", "check", "history"}
}

// route makes the router match the escaped path, with each slash in the name of a lease as %2F.
func route(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chi.RouteContext(r.Context()).RoutePath = routePath(r.URL.EscapedPath())
		next.ServeHTTP(w, r)
	})
}

// routePath escapes the slashes of a lease's name in an escaped path. It does not clean the path: a name with an empty
// segment is unchanged, and is refused later as an invalid name.
func routePath(escaped string) string {
	rest, ok := strings.CutPrefix(escaped, leasesPath)
	if !ok {
		return escaped
	}
	name, action := rest, ""
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		if last, err := url.PathUnescape(rest[i+1:]); err == nil && slices.Contains(leaseActions(), last) {
			name, action = rest[:i], "/"+last
		}
	}
	return leasesPath + strings.ReplaceAll(name, "/", "%2F") + action
}

// notFound answers 404, with a hint about the path.
func notFound(w http.ResponseWriter, r *http.Request) {
	c := w.(*call)
	if kube.Serves(r.URL.Path) {
		kube.NotFound(c)
		return
	}
	p := c.problem(problems.NotFound)
	p.Detail = fmt.Sprintf("Nothing changed. There is no path %.200q%s GET /openapi.yaml lists every route.", r.URL.Path, pathHint(r))
	c.refuse(p)
}

func pathHint(r *http.Request) string {
	path := r.URL.Path
	switch {
	case path == leasesPath:
		return ": the name of the lease is missing."
	case exists(r, strings.TrimRight(path, "/")):
		return fmt.Sprintf(": did you mean %.200q, without the slash at the end?", strings.TrimRight(path, "/"))
	case exists(r, "/v1"+path):
		return fmt.Sprintf(": did you mean %.200q?", "/v1"+path)
	case exists(r, strings.ToLower(path)):
		return ": paths are in lower case."
	}
	if like := form.Closest(firstSegments(path), routeStarts()); like != "" {
		return fmt.Sprintf(": did you mean %s?", like)
	}
	return "."
}

// routeStarts returns the first segments of the paths of all routes.
func routeStarts() []string {
	return []string{
		"/v1/leases", "/v1/acquire", "/v1/sessions", "/v1/watch", "/v1/cluster",
		"/healthz", "/readyz", "/metrics", "/openapi.yaml", "/docs", "/problems",
	}
}

// firstSegments returns the part of a path that is compared with routeStarts.
func firstSegments(path string) string {
	segments := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 3)
	if segments[0] == "v1" && len(segments) > 1 {
		return "/v1/" + segments[1]
	}
	return "/" + segments[0]
}

// exists reports whether any method is served at a path.
func exists(r *http.Request, path string) bool {
	routes := chi.RouteContext(r.Context()).Routes
	return path != "" && slices.ContainsFunc(methods, func(method string) bool {
		return routes.Match(chi.NewRouteContext(), method, path)
	})
}

// notAllowed answers 405 with the methods of the path.
func notAllowed(w http.ResponseWriter, r *http.Request) {
	c := w.(*call)
	at := chi.RouteContext(r.Context())
	var allowed []string
	for _, method := range methods {
		if !at.Routes.Match(chi.NewRouteContext(), method, at.RoutePath) {
			continue
		}
		allowed = append(allowed, method)
		if method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	c.Header().Set("Allow", strings.Join(allowed, ", "))
	p := c.problem(problems.MethodNotAllowed)
	if rest, ok := strings.CutPrefix(at.RoutePath, leasesPath); ok {
		p.Detail = "Nothing changed. " + leaseMethodHint(rest)
	}
	c.refuse(p)
}

// leaseMethodHint returns how to correct the method of a request for a lease.
func leaseMethodHint(rest string) string {
	_, action, isAction := strings.Cut(rest, "/")
	switch {
	case !isAction:
		return "Use GET to read a lease. To change it, send a POST to one of its actions: " + leasesPath + "NAME/acquire, renew, release, transfer, step-down or break."
	case action == "check" || action == "history":
		return action + " is a GET. If the lease's name ends in /" + action + ", send that slash as %2F."
	}
	return action + " is a POST. If the lease's name ends in /" + action + ", send that slash as %2F."
}
