package kube

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/kube/discovery"
	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/status"
)

// Objects are this node's objects.
type Objects interface {
	// Object returns one object, or nil.
	Object(document.Key) *document.Document
	// Objects returns the objects at a revision. The next changes have to copy what it shares: it is for many objects.
	Objects() (objects *document.Table, revision uint64)
	// Reached waits until this node has applied a revision.
	Reached(ctx context.Context, revision uint64) error
	// NextObjects returns the changes after a revision that match, as watch.Ring.Next does.
	NextObjects(ctx context.Context, after uint64, match func(*document.Change) bool, most int) ([]*document.Change, uint64, error)
}

// Config configures a Server. All fields but Bookmarks are required.
type Config struct {
	Objects   Objects
	Version   string           // of lockd
	Random    func() uint64    // identifies writes
	Now       func() time.Time // for the ages of objects
	Bookmarks time.Duration    // between two bookmarks of a watch; default 1 min
}

// A Server answers the requests of the Kubernetes API.
type Server struct {
	cfg    Config
	frames frames
}

// New returns a server.
func New(cfg Config) *Server {
	if cfg.Bookmarks == 0 {
		cfg.Bookmarks = time.Minute
	}
	return &Server{cfg: cfg}
}

// A Route is a route of the API, for the router of the HTTP server. Its paths have the parameters {namespace} and
// {object}.
type Route struct {
	Method string
	Path   string
	Right  access.Right // that the caller needs on some lease
	Action string       // its name in the audit log
	Serve  func(c Call, namespace, object string)
}

// Routes returns all routes.
func (s *Server) Routes() []Route {
	all := []Route{
		{http.MethodGet, "/version", access.Any, "kube.discover", s.version},
		{http.MethodGet, "/api/v1/namespaces/{namespace}", access.Any, "kube.discover", s.namespace},
	}
	for _, path := range []string{"/api", "/api/{version}", "/apis", "/apis/{group}", "/apis/{group}/{version}", "/openapi/v3", "/openapi/v3/*"} {
		all = append(all, Route{http.MethodGet, path, access.Any, "kube.discover", s.discover})
	}
	for _, r := range resource.All() {
		all = append(all, s.routesOf(r)...)
	}
	return all
}

func (s *Server) routesOf(r resource.Resource) []Route {
	base := "/apis/" + r.GroupVersion() + "/"
	if r.Group == "" {
		base = "/api/" + r.Version + "/"
	}
	if !r.Namespaced {
		review := func(c Call, _, _ string) { s.review(c, r) }
		return []Route{{http.MethodPost, base + r.Plural, access.Any, "kube.review", review}}
	}
	in := func(serve func(*operation)) func(Call, string, string) {
		return func(c Call, namespace, object string) {
			if o, ok := s.begin(c, r, namespace, object); ok {
				serve(o)
			}
		}
	}
	all, list := base+r.Plural, base+"namespaces/{namespace}/"+r.Plural
	one, what := list+"/{object}", "kube."+r.Singular+"."
	return []Route{
		{http.MethodGet, all, access.Read, what + "list", in((*operation).list)},
		{http.MethodGet, list, access.Read, what + "list", in((*operation).list)},
		{http.MethodPost, list, access.Acquire, what + "create", in((*operation).create)},
		{http.MethodDelete, list, access.Acquire, what + "delete", in((*operation).deleteAll)},
		{http.MethodGet, one, access.Read, what + "get", in((*operation).get)},
		{http.MethodPut, one, access.Acquire, what + "update", in((*operation).update)},
		{http.MethodPatch, one, access.Acquire, what + "patch", in((*operation).patch)},
		{http.MethodDelete, one, access.Acquire, what + "delete", in((*operation).delete)},
	}
}

// Serves reports whether a path belongs to the API.
func Serves(path string) bool {
	for _, prefix := range []string{"/api/", "/apis/", "/openapi/v3/", "/version/"} {
		if strings.HasPrefix(path+"/", prefix) {
			return true
		}
	}
	return false
}

func (s *Server) version(c Call, _, _ string) {
	send(c, http.StatusOK, discovery.Version(s.cfg.Version))
}

func (s *Server) discover(c Call, _, _ string) {
	d, refused, ok := discovery.Find(c.Request().URL.Path, c.Request().Header.Get("Accept"))
	switch {
	case !ok:
		NotFound(c)
	case refused != nil:
		Refuse(c, refused)
	default:
		c.Header().Set("Content-Type", d.ContentType)
		send(c, http.StatusOK, d.Body)
	}
}

// NotFound answers a request for a path that the API does not have.
func NotFound(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte("404 page not found\n")) // the client has gone if this fails
}

// Refuse answers with a Status.
func Refuse(w http.ResponseWriter, s *status.Status) { sendStatus(w, s) }
