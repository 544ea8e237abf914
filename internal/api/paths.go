package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/lockd/lockd/internal/api/hints"
	"github.com/lockd/lockd/internal/api/pages"
	"github.com/lockd/lockd/internal/api/problems"
	"github.com/lockd/lockd/internal/kube"
)

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
	rest, ok := strings.CutPrefix(escaped, hints.LeasesPath)
	if !ok {
		return escaped
	}
	name, action := rest, ""
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		if last, err := url.PathUnescape(rest[i+1:]); err == nil && slices.Contains(hints.LeaseActions(), last) {
			name, action = rest[:i], "/"+last
		}
	}
	return hints.LeasesPath + strings.ReplaceAll(name, "/", "%2F") + action
}

// notFound answers 404, with a hint about the path.
func notFound(w http.ResponseWriter, r *http.Request) {
	c := w.(*call)
	if kube.Serves(r.URL.Path) {
		kube.NotFound(c)
		return
	}
	if trimmed := strings.TrimRight(r.URL.Path, "/"); trimmed != r.URL.Path && pages.WantsHTML(r) && exists(r, trimmed) {
		c.Header()["Location"] = []string{trimmed} // people type it
		c.text(http.StatusSeeOther, "The path has no slash at the end.\n")
		return
	}
	p := c.problem(problems.NotFound)
	p.Detail = fmt.Sprintf("Nothing changed. There is no path %.200q%s GET /openapi.yaml lists every route.", r.URL.Path,
		hints.Path(r.URL.Path, func(path string) bool { return exists(r, path) }))
	c.refuse(p)
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
	if rest, ok := strings.CutPrefix(at.RoutePath, hints.LeasesPath); ok {
		p.Detail = "Nothing changed. " + hints.Method(rest)
	}
	c.refuse(p)
}
