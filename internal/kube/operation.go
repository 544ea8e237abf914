package kube

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/status"
	"github.com/lockd/lockd/internal/kube/table"
	"github.com/lockd/lockd/internal/kube/tree"
	"github.com/lockd/lockd/internal/kube/validate"
)

// An operation is a request for a resource whose objects are stored.
type operation struct {
	Call
	*Server
	resource  resource.Resource
	namespace string // empty: all
	name      string // empty: the collection
	query     url.Values
	form      table.Form
	options   table.Options
	dry       bool // nothing is stored
}

// begin reads what all requests for a resource have. If that fails, it answers and returns false.
func (s *Server) begin(c Call, r resource.Resource, namespace, object string) (*operation, bool) {
	o := &operation{Call: c, Server: s, resource: r, namespace: namespace, name: object, query: c.Request().URL.Query()}
	refused := o.read()
	if refused != nil {
		Refuse(c, refused)
		return nil, false
	}
	return o, true
}

func (o *operation) read() (refused *status.Status) {
	if o.form, refused = table.Negotiate(o.Request().Header.Get("Accept"), o.watches()); refused != nil {
		return refused
	}
	if pretty, err := strconv.ParseBool(o.query.Get("pretty")); err == nil && pretty {
		o.form.Pretty = true
	}
	o.options.Now = o.cfg.Now()
	if o.options.Include, refused = table.ParseInclude(o.query.Get("includeObject")); refused != nil {
		return refused
	}
	if o.namespace != "" {
		if wrong := validate.Label(o.namespace); len(wrong) > 0 {
			return status.Invalid(o.resource, o.name, []status.Cause{{Reason: "FieldValueInvalid", Message: "Invalid value: " + strconv.Quote(o.namespace) + ": " + strings.Join(wrong, ", "), Field: "metadata.namespace"}})
		}
	}
	o.dry, refused = dryRun(o.query["dryRun"])
	o.DryRun(o.dry)
	return refused
}

// dryRun reads the values of dryRun.
func dryRun(values []string) (bool, *status.Status) {
	for _, v := range values {
		if v != "All" {
			return false, status.InvalidOptions("UpdateOptions", []status.Cause{{
				Reason: "FieldValueNotSupported", Message: fmt.Sprintf("Unsupported value: %q: supported values: \"All\"", v), Field: "dryRun",
			}})
		}
	}
	return len(values) > 0, nil
}

func (o *operation) watches() bool {
	watch, err := strconv.ParseBool(o.query.Get("watch"))
	return o.Request().Method == http.MethodGet && (watch && err == nil || o.query.Has("watch") && o.query.Get("watch") == "")
}

// verbOf returns the name of a request for an object, or for all if it has no name, in messages.
func verbOf(r *http.Request, name string) string {
	switch r.Method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		return "delete"
	}
	if name == "" {
		return "list"
	}
	return "get"
}

func (o *operation) key() document.Key {
	return document.Key{Kind: kindOf(o.resource), Namespace: o.namespace, Name: o.name}
}

// refuse answers with a Status, and returns false if there is one.
func (o *operation) refuse(refused *status.Status) bool {
	if refused != nil {
		Refuse(o, refused)
		return false
	}
	return true
}

// answer answers with an object.
func (o *operation) answer(code int, object map[string]any) {
	shown, refused := o.form.One(o.resource, object, o.options)
	if o.refuse(refused) {
		send(o, code, encode(shown, o.form.Pretty))
	}
}

// find returns the stored document of the path, or nil. If that fails, it answers and returns false.
func (o *operation) find() (*document.Document, bool) {
	a, ok := o.Query(fsm.Query{Kind: fsm.QueryObject, Object: o.key()})
	return a.Object, ok
}

// found is find, and answers if there is none or the caller may not read it.
func (o *operation) found() (*document.Document, bool) {
	if o.resource.Kind == "Lease" && !o.Allow(access.Read, document.LeaseName(o.namespace, o.name)) {
		return nil, false
	}
	d, ok := o.find()
	if !ok {
		return nil, false
	}
	if d == nil || o.Hides(access.Read, d.Subject) {
		Refuse(o, status.NotFound(o.resource, o.name))
		return nil, false
	}
	return d, true
}

func (o *operation) get() {
	if d, ok := o.found(); ok && o.atLeast(d) {
		o.answer(http.StatusOK, objectOf(o.resource, d))
	}
}

// atLeast refuses a get of a version that the cluster does not have yet.
func (o *operation) atLeast(d *document.Document) bool {
	want, refused := version(o.query.Get("resourceVersion"))
	if !o.refuse(refused) {
		return false
	}
	if want <= d.Revision {
		return true
	}
	if _, now := o.cfg.Objects.Objects(); want > now {
		return o.refuse(status.ResourceVersionTooLarge(want, now))
	}
	return true
}

// mayWrite checks that the caller may write the object of the path, before anything of it is read: a Lease has the name
// of its lease, other objects state theirs. If not, it answers and returns false.
func (o *operation) mayWrite() bool {
	return o.resource.Kind != "Lease" || o.Allow(access.Acquire, document.LeaseName(o.namespace, o.name))
}

// writable checks that the caller may write a stored object. If not, it answers as if there were none.
func (o *operation) writable(d *document.Document) bool {
	if d != nil && o.Hides(access.Acquire, d.Subject) {
		return o.refuse(status.NotFound(o.resource, o.name))
	}
	return true
}

// version reads a resourceVersion. An empty one is 0.
func version(text string) (uint64, *status.Status) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, status.BadRequest("invalid resource version " + strconv.Quote(text) + ": use the metadata.resourceVersion of an object or a list")
	}
	return n, nil
}

// decode reads the object of the body, and reports unknown fields as fieldValidation wants it. If that fails, it answers
// and returns false.
func (o *operation) decode() (map[string]any, bool) {
	body, ok := o.Body()
	if !ok {
		return nil, false
	}
	object, problems, refused := schema.Decode(schemaOf(o.resource), o.Request().Header.Get("Content-Type"), body)
	if !o.refuse(refused) {
		return nil, false
	}
	dropToken(object)
	return object, o.refuse(o.report(problems, status.BadRequest))
}

// report reports problems of fields: as an error, as warnings, or not at all.
func (o *operation) report(problems []string, strict func(string) *status.Status) *status.Status {
	switch validation := o.query.Get("fieldValidation"); validation {
	case "Strict":
		if len(problems) > 0 {
			return strict(schema.Strict(problems))
		}
	case "", "Warn":
		warn(o.Header(), problems)
	case "Ignore":
	default:
		return status.InvalidOptions("UpdateOptions", []status.Cause{{
			Reason: "FieldValueNotSupported", Field: "fieldValidation",
			Message: fmt.Sprintf("Unsupported value: %q: supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"", validation),
		}})
	}
	return nil
}

const (
	// maxWarnings bounds the warnings of an answer: some clients refuse an answer with more than 100 headers.
	maxWarnings = 50
	// maxWarning bounds one of them in runes, maxAllWarnings all together in bytes, as kube-apiserver does.
	maxWarning     = 256
	maxAllWarnings = 4 << 10
)

// warn adds problems as warnings, as far as they fit.
func warn(h http.Header, problems []string) {
	size := 0
	for _, p := range problems[:min(len(problems), maxWarnings)] {
		if text := []rune(p); len(text) > maxWarning {
			p = string(text[:maxWarning])
		}
		if size += len(p); size > maxAllWarnings {
			return
		}
		h.Add("Warning", "299 - "+strconv.Quote(p))
	}
}

// place checks the namespace and the name of an object against the path, and fills in what it leaves out.
func (o *operation) place(object map[string]any) *status.Status {
	if ns := tree.String(object, "metadata", "namespace"); ns != "" && ns != o.namespace {
		return status.BadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	tree.Set(object, o.namespace, "metadata", "namespace")
	name := tree.String(object, "metadata", "name")
	switch {
	case o.name == "":
	case name == "":
		tree.Set(object, o.name, "metadata", "name")
	case name != o.name:
		return status.BadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", name, o.name))
	}
	return nil
}

// managerOf returns the name of the client of a request as the manager of fields.
func managerOf(r *http.Request) string {
	if m := r.URL.Query().Get("fieldManager"); m != "" {
		return m
	}
	agent, _, _ := strings.Cut(r.UserAgent(), "/")
	return strings.ToValidUTF8(agent[:min(len(agent), 128)], "")
}
