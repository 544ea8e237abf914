package kube

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/kube/patch"
	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/status"
	"github.com/lockd/lockd/internal/kube/tree"
	"github.com/lockd/lockd/internal/kube/validate"
)

func (o *operation) create() {
	object, ok := o.decode()
	if !ok || !o.refuse(o.place(object)) {
		return
	}
	prefix := tree.String(object, "metadata", "generateName")
	if tree.String(object, "metadata", "name") == "" && prefix != "" {
		tree.Set(object, prefix[:min(len(prefix), document.MaxNameBytes-generatedLength)]+generated(o.cfg.Random()), "metadata", "name")
	}
	if tree.String(object, "metadata", "resourceVersion") != "" && tree.String(object, "metadata", "resourceVersion") != "0" {
		Refuse(o, status.BadRequest("resourceVersion should not be set on objects to be created"))
		return
	}
	o.name = tree.String(object, "metadata", "name")
	if o.dry && !o.isNew() {
		return
	}
	o.store(nil, patch.Own(schemaOf(o.resource), nil, object, managerOf(o.Request()), o.cfg.Now()))
}

// isNew answers a dry run of a create with a name that exists, and returns false.
func (o *operation) isNew() bool {
	if !o.mayWrite() {
		return false
	}
	d, ok := o.find()
	if ok && d != nil && o.writable(d) {
		return o.refuse(status.AlreadyExists(o.resource, o.name))
	}
	return ok && d == nil
}

const generatedLength = 5

// generated returns the end of a generated name for a random number, of the characters that kube-apiserver uses.
func generated(n uint64) string {
	const characters = "bcdfghjklmnpqrstvwxz2456789"
	b := make([]byte, generatedLength)
	for i := range b {
		b[i] = characters[n%uint64(len(characters))]
		n /= uint64(len(characters))
	}
	return string(b)
}

func (o *operation) update() {
	object, ok := o.decode()
	if !ok || !o.refuse(o.place(object)) || !o.mayWrite() {
		return
	}
	old, ok := o.version(tree.String(object, "metadata", "resourceVersion"))
	if !ok || !o.writable(old) || !o.refuse(o.agrees(old, object)) {
		return
	}
	if old == nil {
		tree.Remove(object, "metadata", "resourceVersion")
		o.store(nil, patch.Own(schemaOf(o.resource), nil, object, managerOf(o.Request()), o.cfg.Now()))
		return
	}
	o.store(old, patch.Own(schemaOf(o.resource), ownedOf(o.resource, old), object, managerOf(o.Request()), o.cfg.Now()))
}

// ownedOf returns a document as the object whose fields its clients own: without the fencing token.
func ownedOf(r resource.Resource, d *document.Document) map[string]any {
	object := objectOf(r, d)
	dropToken(object)
	return object
}

// dropToken removes the annotation with the fencing token, which a client only repeats.
func dropToken(object map[string]any) {
	tree.Remove(object, "metadata", "annotations", TokenAnnotation)
	if annotations := tree.Object(object, "metadata", "annotations"); len(annotations) == 0 {
		tree.Remove(object, "metadata", "annotations")
	}
}

// version returns the stored document, or nil. If this node has the version that the client read, that is it: the write
// is refused if the cluster has another one by then. So a renewal needs no read of the leader's state.
func (o *operation) version(text string) (*document.Document, bool) {
	if d := o.cfg.Objects.Object(o.key()); d != nil && text == strconv.FormatUint(d.Revision, 10) {
		return d, true
	}
	return o.find()
}

// agrees returns the refusal of an update of another object or version than the stored one.
func (o *operation) agrees(old *document.Document, object map[string]any) *status.Status {
	uid, text := tree.String(object, "metadata", "uid"), tree.String(object, "metadata", "resourceVersion")
	want, refused := version(text)
	switch {
	case refused != nil:
		return refused
	case old == nil && o.resource.Kind == "LeaseCandidate":
		return status.NotFound(o.resource, o.name)
	case old == nil && uid != "":
		return status.Conflict(o.resource, o.name, "Precondition failed: UID in precondition: "+uid+", UID in object meta: ")
	case old == nil:
		return nil
	case want == 0 && o.resource.Kind != "Event":
		return status.Invalid(o.resource, o.name, []status.Cause{{
			Reason: "FieldValueInvalid", Message: `Invalid value: "": must be specified for an update`, Field: "metadata.resourceVersion",
		}})
	case uid != "" && uid != old.UID:
		return status.Conflict(o.resource, o.name, "Precondition failed: UID in precondition: "+uid+", UID in object meta: "+old.UID)
	case want != 0 && want != old.Revision:
		return status.Conflict(o.resource, o.name, modified)
	}
	return nil
}

// modified is why an update of another version is refused.
const modified = "the object has been modified; please apply your changes to the latest version and try again"

// patchTries is how often a patch is applied to a newer version, if the object has changed meanwhile.
const patchTries = 5

func (o *operation) patch() {
	body, ok := o.Body()
	if !ok || !o.mayWrite() {
		return
	}
	for try := 1; ; try++ {
		old, ok := o.find()
		if !ok || !o.writable(old) {
			return
		}
		object, exact, refused := o.patched(old, body)
		if !o.refuse(refused) {
			return
		}
		if !o.tryStore(old, object, !exact && try < patchTries) {
			return
		}
	}
}

// patched returns the object that the patch of a body makes of a document, and whether the patch states the version that
// it is for.
func (o *operation) patched(old *document.Document, body []byte) (object map[string]any, exact bool, refused *status.Status) {
	contentType := o.Request().Header.Get("Content-Type")
	s := schemaOf(o.resource)
	apply := isApply(contentType)
	if causes := validate.FieldManager(o.query.Get("fieldManager"), apply); len(causes) > 0 {
		return nil, false, status.InvalidOptions("PatchOptions", causes)
	}
	if apply {
		return o.applied(old, body)
	}
	if old == nil {
		return nil, false, status.NotFound(o.resource, o.name)
	}
	live := ownedOf(o.resource, old)
	object, problems, refused := patch.Change(s, contentType, live, body)
	if refused == nil {
		refused = o.report(problems, func(string) *status.Status { return patch.Strict(object, problems) })
	}
	if refused == nil {
		refused = o.place(object)
	}
	if refused != nil {
		return nil, false, refused
	}
	dropToken(object)
	want, refused := version(tree.String(object, "metadata", "resourceVersion"))
	if refused == nil && want != old.Revision {
		refused = status.Conflict(o.resource, o.name, modified)
	}
	if uid := tree.String(object, "metadata", "uid"); refused == nil && uid != old.UID {
		refused = status.Conflict(o.resource, o.name, "Precondition failed: UID in precondition: "+uid+", UID in object meta: "+old.UID)
	}
	return patch.Own(s, live, object, managerOf(o.Request()), o.cfg.Now()), statesVersion(body), refused
}

// store writes an object over a document, or creates it if there is none, and answers with what is stored.
func (o *operation) store(old *document.Document, object map[string]any) {
	o.tryStore(old, object, false)
}

// tryStore is store. If the object has changed meanwhile and retry is true, it answers nothing and returns true.
func (o *operation) tryStore(old *document.Document, object map[string]any, retry bool) (again bool) {
	d, ok := o.check(old, object)
	if !ok || !o.Allow(access.Acquire, subjects(old, &d)...) {
		return false
	}
	code := http.StatusOK
	if old == nil {
		code = http.StatusCreated
	}
	if o.dry {
		o.answerDry(code, old, d)
		return false
	}
	r, ok := o.Do(&fsm.ChangeObject{Write: writeOf(o, old, d)})
	if !ok {
		return false
	}
	if retry && r.Code == fsm.CodeObjectRefused && (r.ObjectOutcome == document.Conflict || r.ObjectOutcome == document.Exists) {
		return true
	}
	if o.refuse(o.refused(o.name, r)) {
		o.answer(code, objectOf(o.resource, r.Object))
	}
	return false
}

// writeOf returns the write of a document over the one that was read. An operator may end a hold by it.
func writeOf(o *operation, old *document.Document, d document.Document) document.Write {
	w := document.Write{Object: d, ID: o.cfg.Random()}
	if old != nil {
		w.Expect = old.Revision
		w.Renewal = old.Lease != nil && d.Lease.Holder == old.Lease.Holder && d.Lease.Holder != ""
	}
	if ends := d.Lease != nil && d.Lease.Holder == ""; (ends || o.ofOther(old)) && o.Operates(d.Subject) {
		w.Override, w.Operator = true, o.Operator()
	}
	return w
}

// subjects returns the leases that a caller needs the right to for a write. A new Event with a name like those that lockd
// gives counts for the lease in it, too: that the name is taken would show that the lease was used.
func subjects(old, d *document.Document) []string {
	all := []string{d.Subject}
	if d.Kind != document.Event || old != nil {
		return all
	}
	i := len(d.Name) - len(".0000000000000000")
	if i <= 0 || d.Name[i] != '.' || strings.Trim(d.Name[i+1:], "0123456789abcdef") != "" {
		return all
	}
	if named := subjectOf(d.Namespace, d.Name[:i]); named != d.Subject {
		all = append(all, named)
	}
	return all
}

// ofOther reports whether a document is a candidate of another principal.
func (o *operation) ofOther(d *document.Document) bool {
	return d != nil && d.Candidate != nil && d.Candidate.Principal != "" && d.Candidate.Principal != o.User()
}

// check checks an object and returns its document. If it is invalid, it answers and returns false.
func (o *operation) check(old *document.Document, object map[string]any) (d document.Document, ok bool) {
	var causes []status.Cause
	if old == nil {
		causes = validate.Create(o.resource, object, document.MaxBodyBytes)
	} else {
		before := objectOf(o.resource, old)
		for _, name := range ofServer {
			if value := tree.At(before, "metadata", name); value != nil {
				tree.Set(object, value, "metadata", name)
			}
		}
		causes = validate.Update(o.resource, object, before, document.MaxBodyBytes)
	}
	if len(causes) == 0 {
		d = documentOf(o.resource, object)
		causes = limits(&d)
		if old != nil && d.Subject != old.Subject {
			causes = append(causes, status.Cause{Reason: "FieldValueInvalid", Message: "Invalid value: field is immutable", Field: "involvedObject"})
		}
	}
	if len(causes) > 0 {
		return d, o.refuse(status.Invalid(o.resource, o.name, causes))
	}
	return d, true
}

// limits returns what a document has beyond lockd's own limits.
func limits(d *document.Document) (causes []status.Cause) {
	w := document.Write{Object: *d, ID: 1}
	w.Invalid(func(field, reason string) {
		causes = append(causes, status.Cause{Reason: "FieldValueInvalid", Message: "Invalid value: " + reason, Field: field})
	})
	if d.Lease != nil && d.Lease.Holder != "" {
		if wrong := fsm.InvalidHolder(d.Lease.Holder); wrong != "" {
			causes = append(causes, status.Cause{Reason: "FieldValueInvalid", Message: "Invalid value: " + wrong, Field: "spec.holderIdentity"})
		}
	}
	if _, _, err := schema.ParseJSON([]byte(d.Body)); d.Body != "" && err != nil { // it could not be read again
		causes = append(causes, status.Cause{Reason: "FieldValueInvalid", Message: "Invalid value: " + err.Error(), Field: "metadata"})
	}
	return causes
}

// answerDry answers a write that stores nothing with what it would have stored.
func (o *operation) answerDry(code int, old *document.Document, d document.Document) {
	if old != nil {
		d.UID, d.Created, d.Born, d.Revision = old.UID, old.Created, old.Born, old.Revision
		if d.Lease != nil {
			d.Lease.Token = old.Lease.Token
		}
	} else {
		d.Created = o.cfg.Now().UnixMilli()
	}
	object := objectOf(o.resource, &d)
	if old == nil {
		tree.Remove(object, "metadata", "resourceVersion")
		tree.Remove(object, "metadata", "uid")
	}
	o.answer(code, object)
}
