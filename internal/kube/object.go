package kube

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/tree"
)

// TokenAnnotation is the annotation with the fencing token of a Lease's hold. Clients cannot write it.
const TokenAnnotation = "lockd.io/fencing-token" //nolint:gosec // no credential

// kindOf returns the kind of document of a resource.
func kindOf(r resource.Resource) document.Kind {
	switch r.Kind {
	case "Lease":
		return document.Lease
	case "LeaseCandidate":
		return document.Candidate
	}
	return document.Event
}

func schemaOf(r resource.Resource) *schema.Schema { return schema.Of(r.Group, r.Version, r.Kind) }

// ofServer are the fields of the metadata that are not in the body of a document.
var ofServer = []string{"name", "namespace", "uid", "resourceVersion", "creationTimestamp", "selfLink", "generation"}

// objectOf returns a document as an object of a resource. It is the caller's own.
func objectOf(r resource.Resource, d *document.Document) map[string]any {
	object := bodyOf(d)
	meta := tree.Object(object, "metadata")
	if meta == nil {
		meta = make(map[string]any)
		object["metadata"] = meta
	}
	meta["name"], meta["namespace"], meta["uid"] = d.Name, d.Namespace, d.UID
	meta["resourceVersion"] = strconv.FormatUint(d.Revision, 10)
	meta["creationTimestamp"] = schema.FormatTime(time.UnixMilli(d.Created))
	switch {
	case d.Lease != nil:
		object["spec"] = leaseSpec(d.Lease)
		if d.Lease.Token != 0 {
			tree.Set(meta, strconv.FormatUint(d.Lease.Token, 10), "annotations", TokenAnnotation)
		}
	case d.Candidate != nil:
		object["spec"] = candidateSpec(d.Subject, d.Candidate)
	case r.Group != "":
		object = schema.ConvertEvent(object, schema.Event)
	}
	object["apiVersion"], object["kind"] = r.GroupVersion(), r.Kind
	return object
}

// bodyOf returns what the machine does not interpret.
func bodyOf(d *document.Document) map[string]any {
	if d.History != nil {
		return historyEvent(d)
	}
	if d.Body == "" {
		return make(map[string]any)
	}
	value, err := schema.ParseStored(d.Body)
	object, ok := value.(map[string]any)
	if err != nil || !ok {
		panic("kube: a stored object is not JSON: " + d.Namespace + "/" + d.Name)
	}
	return object
}

// documentOf returns an object of a resource as a document. The object has passed the checks of its kind.
func documentOf(r resource.Resource, object map[string]any) document.Document {
	object = tree.Clone(object)
	d := document.Document{Key: document.Key{
		Kind: kindOf(r), Namespace: tree.String(object, "metadata", "namespace"), Name: tree.String(object, "metadata", "name"),
	}}
	d.Subject = document.LeaseName(d.Namespace, d.Name)
	switch d.Kind {
	case document.Lease:
		d.Lease = leaseOf(object)
	case document.Candidate:
		d.Candidate = candidateOf(object)
		d.Subject = document.LeaseName(d.Namespace, tree.String(object, "spec", "leaseName"))
	case document.Event:
		if r.Group != "" {
			object = schema.ConvertEvent(object, schema.CoreEvent)
		}
		if name := tree.String(object, "involvedObject", "name"); name != "" {
			d.Subject = subjectOf(d.Namespace, name)
		}
	}
	d.Body = pack(object)
	return d
}

// subjectOf returns the name of the lease that an event is about: of the object of that name. An object of another kind
// may have a name that no Lease can have.
func subjectOf(namespace, name string) string {
	if len(name) <= document.MaxNameBytes && isLeaseName(name) {
		return document.LeaseName(namespace, name)
	}
	return document.LeaseName(namespace, "events")
}

func isLeaseName(name string) bool {
	for i := range len(name) {
		c := name[i]
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alphanumeric && (i == 0 || c != '.' && c != '-' && c != '_' && c != ':') {
			return false
		}
	}
	return true
}

// pack returns the body of a document: an object without what has a field of its own.
func pack(object map[string]any) string {
	meta := tree.Object(object, "metadata")
	for _, name := range ofServer {
		delete(meta, name)
	}
	if len(meta) == 0 {
		delete(object, "metadata")
	}
	for _, name := range []string{"apiVersion", "kind", "spec"} {
		delete(object, name)
	}
	if len(object) == 0 {
		return ""
	}
	b, err := json.Marshal(object)
	if err != nil {
		panic("kube: encode an object: " + err.Error())
	}
	return string(b)
}

func leaseSpec(s *document.LeaseSpec) map[string]any {
	spec := make(map[string]any)
	if s.HolderSet {
		spec["holderIdentity"] = s.Holder
	}
	setNumber(spec, "leaseDurationSeconds", s.Duration)
	setTime(spec, "acquireTime", s.Acquired)
	setTime(spec, "renewTime", s.Renewed)
	setNumber(spec, "leaseTransitions", s.Transitions)
	setText(spec, "strategy", s.Strategy)
	setText(spec, "preferredHolder", s.Preferred)
	return spec
}

func leaseOf(object map[string]any) *document.LeaseSpec {
	return &document.LeaseSpec{
		Holder: tree.String(object, "spec", "holderIdentity"), HolderSet: tree.Has(object, "spec", "holderIdentity"),
		Duration: numberOf(object, "leaseDurationSeconds"), Transitions: numberOf(object, "leaseTransitions"),
		Acquired: timeOf(object, "acquireTime"), Renewed: timeOf(object, "renewTime"),
		Strategy: tree.String(object, "spec", "strategy"), Preferred: tree.String(object, "spec", "preferredHolder"),
	}
}

func candidateSpec(subject string, s *document.CandidateSpec) map[string]any {
	k, _ := document.KeyOfLease(subject)
	spec := map[string]any{"leaseName": k.Name, "binaryVersion": s.Binary, "strategy": s.Strategy}
	setText(spec, "emulationVersion", s.Emulation)
	setTime(spec, "pingTime", s.Ping)
	setTime(spec, "renewTime", s.Renewed)
	return spec
}

func candidateOf(object map[string]any) *document.CandidateSpec {
	return &document.CandidateSpec{
		Binary: tree.String(object, "spec", "binaryVersion"), Emulation: tree.String(object, "spec", "emulationVersion"),
		Strategy: tree.String(object, "spec", "strategy"), Ping: timeOf(object, "pingTime"), Renewed: timeOf(object, "renewTime"),
	}
}

func setText(spec map[string]any, name, text string) {
	if text != "" {
		spec[name] = text
	}
}

func setNumber(spec map[string]any, name string, n document.Number) {
	if n.Set {
		spec[name] = n.Value
	}
}

func numberOf(object map[string]any, name string) document.Number {
	if !tree.Has(object, "spec", name) {
		return document.Number{}
	}
	return document.Some(tree.Int(object, "spec", name))
}

func setTime(spec map[string]any, name string, n document.Number) {
	if n.Set {
		spec[name] = schema.FormatMicroTime(time.UnixMicro(n.Value))
	}
}

// timeOf reads a time that the schema has checked.
func timeOf(object map[string]any, name string) document.Number {
	t, err := schema.ParseTime(tree.String(object, "spec", name))
	if err != nil {
		return document.Number{}
	}
	return document.Some(t.UnixMicro())
}
