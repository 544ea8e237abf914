package kube

import (
	"net/http"

	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/status"
	"github.com/lockd/lockd/internal/kube/table"
	"github.com/lockd/lockd/internal/kube/validate"
)

// namespace answers with a Namespace of every valid name: Leases need no namespace that was created. It is for kubectl,
// which gets the namespace of an object that is not found, and reports that instead of the object. Discovery does not
// have the resource, because there is no list of it.
func (s *Server) namespace(c Call, name, _ string) {
	r := resource.Resource{Version: "v1", Kind: "Namespace", Plural: "namespaces", Singular: "namespace"}
	form, refused := table.Negotiate(c.Request().Header.Get("Accept"), false)
	if refused == nil && len(validate.Label(name)) > 0 {
		refused = status.NotFound(r, name)
	}
	var shown map[string]any
	if refused == nil {
		shown, refused = form.One(r, map[string]any{
			"apiVersion": r.GroupVersion(), "kind": r.Kind, "metadata": map[string]any{"name": name},
			"status": map[string]any{"phase": "Active"},
		}, table.Options{Include: table.IncludeMetadata, Now: s.cfg.Now()})
	}
	if refused != nil {
		Refuse(c, refused)
		return
	}
	send(c, http.StatusOK, encode(shown, form.Pretty))
}
