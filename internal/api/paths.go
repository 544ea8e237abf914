package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

const leasesPath = "/v1/leases/"

// leaseActions are the last segments of a path below a lease. A name whose last segment is one of them is sent with
// %2F before it.
func leaseActions() []string {
	return []string{"acquire", "renew", "release", "transfer", "step-down", "break", "check", "history"}
}

// route has the router match the path as it was sent: escaped, with each slash in the name of a lease as %2F.
func route(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chi.RouteContext(r.Context()).RoutePath = routePath(r.URL.EscapedPath())
		next.ServeHTTP(w, r)
	})
}

// routePath escapes the slashes of a lease's name in an escaped path. It cleans nothing: a name with an empty segment
// stays one, and is refused as a name.
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

// nowhere answers 404 and says what is wrong with the path.
func (c *call) nowhere() {
	p := c.problem(kindNotFound)
	p.Detail = fmt.Sprintf("Nothing changed. There is no %.200q here%s GET /openapi.yaml lists every route.", c.r.URL.Path, c.pathHint())
	c.refuse(p)
}

func (c *call) pathHint() string {
	path := c.r.URL.Path
	switch {
	case path == leasesPath:
		return ": the name of the lease is missing."
	case c.exists(strings.TrimRight(path, "/")):
		return fmt.Sprintf(": did you mean %.200q, without the slash at the end?", strings.TrimRight(path, "/"))
	case c.exists("/v1" + path):
		return fmt.Sprintf(": did you mean %.200q?", "/v1"+path)
	case c.exists(strings.ToLower(path)):
		return ": paths are in lower case."
	}
	if like := closest(firstSegments(path), routeStarts()); like != "" {
		return fmt.Sprintf(": did you mean %s?", like)
	}
	return "."
}

// routeStarts are what the paths of all routes begin with.
func routeStarts() []string {
	return []string{
		"/v1/leases", "/v1/acquire", "/v1/sessions", "/v1/watch", "/v1/cluster",
		"/healthz", "/readyz", "/metrics", "/openapi.yaml", "/docs", "/problems",
	}
}

// firstSegments returns what of a path is compared with routeStarts.
func firstSegments(path string) string {
	segments := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 3)
	if segments[0] == "v1" && len(segments) > 1 {
		return "/v1/" + segments[1]
	}
	return "/" + segments[0]
}

// exists reports whether any method is served at a path.
func (c *call) exists(path string) bool {
	routes := chi.RouteContext(c.r.Context()).Routes
	return path != "" && slices.ContainsFunc(methods, func(method string) bool {
		return routes.Match(chi.NewRouteContext(), method, path)
	})
}

// notAllowed answers 405 with the methods that the path has.
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
	p := c.problem(kindMethodNotAllowed)
	if rest, ok := strings.CutPrefix(at.RoutePath, leasesPath); ok {
		p.Detail = "Nothing changed. " + leaseMethodHint(rest)
	}
	c.refuse(p)
}

// leaseMethodHint says what a request below a lease lacks.
func leaseMethodHint(rest string) string {
	_, action, isAction := strings.Cut(rest, "/")
	switch {
	case !isAction:
		return "A lease is read with GET. What changes it is a POST to one of its actions: " + leasesPath + "NAME/acquire, renew, release, transfer, step-down or break."
	case action == "check" || action == "history":
		return action + " is a GET. If the lease's name ends in /" + action + ", send that slash as %2F."
	}
	return action + " is a POST. If the lease's name ends in /" + action + ", send that slash as %2F."
}
