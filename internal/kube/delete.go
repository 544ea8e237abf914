package kube

import (
	"net/http"
	"strconv"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/status"
	"github.com/lockd/lockd/internal/kube/tree"
)

// A deletion is what a client demands of a delete.
type deletion struct {
	uid     string // empty: any
	version string // empty: any
	dry     bool
}

// deletion reads the options, which come in the body or else in the query. If they are invalid, it answers and returns
// false.
func (o *operation) deletion() (d deletion, ok bool) {
	body, ok := o.Body()
	if !ok {
		return d, false
	}
	d.dry = o.dry
	if len(body) == 0 {
		return d, true
	}
	options, _, refused := schema.Decode(schema.DeleteOptions, o.Request().Header.Get("Content-Type"), body)
	if !o.refuse(refused) {
		return d, false
	}
	d.uid, d.version = tree.String(options, "preconditions", "uid"), tree.String(options, "preconditions", "resourceVersion")
	d.dry, refused = dryRun(tree.Strings(options, "dryRun"))
	o.DryRun(d.dry)
	return d, o.refuse(refused)
}

func (o *operation) delete() {
	how, ok := o.deletion()
	if !ok {
		return
	}
	if o.resource.Kind == "Lease" && !o.Allow(access.Acquire, document.LeaseName(o.namespace, o.name)) {
		return
	}
	d, ok := o.find()
	switch {
	case !ok:
	case d == nil || o.Hides(access.Acquire, d.Subject):
		Refuse(o, status.NotFound(o.resource, o.name))
	case o.refuse(o.precondition(d, how)) && o.remove(d, how):
		send(o, http.StatusOK, encode(status.Deleted(o.resource, d.Name, d.UID), o.form.Pretty))
	}
}

// precondition returns the refusal of a delete of another object than the client means.
func (o *operation) precondition(d *document.Document, how deletion) *status.Status {
	switch {
	case how.uid != "" && how.uid != d.UID:
		return status.Conflict(o.resource, d.Name, "Precondition failed: UID in precondition: "+how.uid+", UID in object meta: "+d.UID)
	case how.version != "" && how.version != strconv.FormatUint(d.Revision, 10):
		return status.Conflict(o.resource, d.Name, "Precondition failed: ResourceVersion in precondition: "+how.version+", ResourceVersion in object meta: "+strconv.FormatUint(d.Revision, 10))
	}
	return nil
}

// remove deletes a document. A delete of an exact version releases the hold, as clients do that end so; any other one
// breaks it, and the history has who did it. If that fails, it answers and returns false.
func (o *operation) remove(d *document.Document, how deletion) bool {
	if how.dry {
		return true
	}
	which := *d
	which.Body = "" // its key and its UID are enough
	w := document.Write{Object: which, Delete: true}
	if how.version != "" {
		w.Expect, w.Override = d.Revision, o.Operates(d.Subject)
	} else {
		w.Operator, w.Override = o.Operator(), o.May(access.Operate, d.Subject)
	}
	r, ok := o.Do(&fsm.ChangeObject{Write: w})
	if o.name == "" && ok && r.ObjectOutcome == document.NotFound {
		return true // of several objects, one is gone already
	}
	return ok && o.refuse(o.refused(d.Name, r))
}

// deleteAll deletes the selected objects one by one, and answers with their list.
func (o *operation) deleteAll() {
	s, ok := o.selection()
	if !ok {
		return
	}
	how, ok := o.deletion()
	if !ok {
		return
	}
	o.query.Del("resourceVersion")
	objects, revision, ok := o.fresh()
	if !ok {
		return
	}
	list, refused := o.form.Encoder(o.resource, o.options)
	if !o.refuse(refused) {
		return
	}
	leave, ok := s.place(0)
	if !ok {
		return
	}
	var documents []*document.Document
	var names []string
	s.each(objects, cursor{}, 0, func(d *document.Document, object map[string]any) bool {
		list.Add(object)
		documents, names = append(documents, d), append(names, d.Subject)
		return true
	})
	leave()
	if !o.Allow(access.Acquire, names...) {
		return
	}
	for _, d := range documents {
		if !o.refuse(o.precondition(d, how)) || !o.remove(d, how) {
			return
		}
	}
	send(o, http.StatusOK, list.List(map[string]any{"resourceVersion": strconv.FormatUint(revision, 10)}))
}
