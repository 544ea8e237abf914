package kube

import (
	"strconv"

	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/kube/patch"
	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/status"
	"github.com/lockd/lockd/internal/kube/tree"
)

func isApply(contentType string) bool { return schema.MediaType(contentType) == schema.ApplyPatch }

// applied returns the object that a server-side apply makes of a document, or creates if there is none, and whether it
// states a version.
func (o *operation) applied(old *document.Document, body []byte) (object map[string]any, exact bool, refused *status.Status) {
	s := schemaOf(o.resource)
	applied, problems, refused := schema.DecodePartial(s, body)
	if refused == nil {
		refused = o.report(problems, status.BadRequest)
	}
	if refused == nil {
		refused = o.place(applied)
	}
	if refused != nil {
		return nil, false, refused
	}
	dropToken(applied)
	text := tree.String(applied, "metadata", "resourceVersion")
	if text != "" && (old == nil || text != strconv.FormatUint(old.Revision, 10)) {
		return nil, true, status.Conflict(o.resource, o.name, modified)
	}
	var live map[string]any
	if old != nil {
		live = ownedOf(o.resource, old)
	}
	force, _ := strconv.ParseBool(o.query.Get("force")) // anything else is false
	object, refused = patch.Apply(s, live, applied, o.query.Get("fieldManager"), force, o.cfg.Now())
	return object, text != "", refused
}

// statesVersion reports whether a patch states the version that it is for. A JSON patch that tests it does, too.
func statesVersion(body []byte) bool {
	value, _, err := schema.ParseJSON(body)
	if err != nil {
		return false
	}
	if object, ok := value.(map[string]any); ok {
		return tree.Has(object, "metadata", "resourceVersion")
	}
	list, _ := value.([]any)
	for _, element := range list {
		if step, ok := element.(map[string]any); ok && step["path"] == "/metadata/resourceVersion" {
			return true
		}
	}
	return false
}
