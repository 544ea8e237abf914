package validate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lockd/lockd/internal/kube/tree"
)

// A nameRule returns what is wrong with a name.
type nameRule func(string) []string

// metadata checks the metadata of a new object.
func (l *list) metadata(object map[string]any, rule nameRule) {
	if prefix := tree.String(object, "metadata", "generateName"); prefix != "" {
		l.invalidFor("metadata.generateName", prefix, rule(completed(prefix)))
	}
	if name := tree.String(object, "metadata", "name"); name == "" {
		l.required("metadata.name", "name or generateName is required")
	} else {
		l.invalidFor("metadata.name", name, rule(name))
	}
	if namespace := tree.String(object, "metadata", "namespace"); namespace == "" {
		l.required("metadata.namespace", "")
	} else {
		l.invalidFor("metadata.namespace", namespace, Label(namespace))
	}
	l.entries(object)
	l.finalizers(tree.Strings(object, "metadata", "finalizers"))
}

// completed returns a prefix whose last dash, if any, is replaced, because more characters follow.
func completed(prefix string) string {
	if len(prefix) > 1 && strings.HasSuffix(prefix, "-") {
		return prefix[:len(prefix)-1] + "a"
	}
	return prefix
}

// entries checks the parts of the metadata that may change.
func (l *list) entries(object map[string]any) {
	if n := tree.Int(object, "metadata", "generation"); n < 0 {
		l.invalid("metadata.generation", n, "must be greater than or equal to 0")
	}
	labels := tree.Map(object, "metadata", "labels")
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		l.invalidFor("metadata.labels", key, LabelKey(key))
		l.invalidFor("metadata.labels", labels[key], LabelValue(labels[key]))
	}
	for _, key := range slices.Sorted(maps.Keys(tree.Map(object, "metadata", "annotations"))) {
		l.invalidFor("metadata.annotations", key, LabelKey(strings.ToLower(key)))
	}
	l.ownerReferences(object)
	l.managedFields(object)
}

func (l *list) ownerReferences(object map[string]any) {
	controller := ""
	for i, ref := range tree.Objects(object, "metadata", "ownerReferences") {
		at := fmt.Sprintf("metadata.ownerReferences[%d]", i)
		version := tree.String(ref, "apiVersion")
		group, after, ok := strings.Cut(version, "/")
		switch {
		case version == "":
			l.required(at+".apiVersion", "must not be empty")
		case ok && (after == "" || strings.Contains(after, "/")):
			l.invalid(at+".apiVersion", version, "must be <group>/<version> or <version>")
		}
		for _, name := range []string{"kind", "name", "uid"} {
			if tree.String(ref, name) == "" {
				l.required(at+"."+name, "must not be empty")
			}
		}
		if group == "v1" && !ok && tree.String(ref, "kind") == "Event" {
			l.invalid(at, ref, "/v1, Kind=Event is disallowed from being an owner")
		}
		if !tree.Bool(ref, "controller") {
			continue
		}
		name := tree.String(ref, "kind") + "/" + tree.String(ref, "name")
		if controller == "" {
			controller = name
			continue
		}
		l.invalid("metadata.ownerReferences", tree.At(object, "metadata", "ownerReferences"), fmt.Sprintf(
			"Only one reference can have Controller set to true. Found \"true\" in references for %v and %v", controller, name))
	}
}

func (l *list) finalizers(names []string) {
	for _, name := range names {
		l.invalidFor("metadata.finalizers", name, LabelKey(name))
	}
	if slices.Contains(names, "orphan") && slices.Contains(names, "foregroundDeletion") {
		l.invalid("metadata.finalizers", names, "finalizer orphan and foregroundDeletion cannot be both set")
	}
}

func (l *list) managedFields(object map[string]any) {
	for i, entry := range tree.Objects(object, "metadata", "managedFields") {
		at := fmt.Sprintf("metadata.managedFields[%d]", i)
		switch operation := tree.String(entry, "operation"); operation {
		case "Apply", "Update":
		case "":
			l.required(at+".operation", "must not be empty")
		default:
			l.unsupported(at+".operation", operation, "Apply", "Update")
		}
		if kind := tree.String(entry, "fieldsType"); kind != "" && kind != "FieldsV1" {
			l.invalid(at+".fieldsType", kind, "must be `FieldsV1`")
		}
		l.manager(at+".manager", tree.String(entry, "manager"))
	}
}

// maxManager is the maximum length of a manager's name in bytes.
const maxManager = 128

func (l *list) manager(field, name string) {
	if len(name) > maxManager {
		l.tooLong(field, maxManager)
	}
	for i, r := range name {
		if r < ' ' || r == 0x7f {
			l.invalid(field, name, fmt.Sprintf("invalid character %U (at position %d)", r, i))
			return
		}
	}
}

// metadataUpdate checks the metadata of an object that replaces another one.
func (l *list) metadataUpdate(object, before map[string]any) {
	if tree.Has(before, "metadata", "deletionTimestamp") {
		l.newFinalizers(tree.Strings(object, "metadata", "finalizers"), tree.Strings(before, "metadata", "finalizers"))
	}
	if version := tree.String(object, "metadata", "resourceVersion"); version == "" || version == "0" {
		l.invalid("metadata.resourceVersion", version, "must be specified for an update")
	}
	for _, name := range []string{"name", "namespace", "uid"} {
		l.immutable(object, before, "metadata", name)
	}
	l.entries(object)
	l.finalizers(tree.Strings(object, "metadata", "finalizers"))
}

func (l *list) newFinalizers(names, before []string) {
	added := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(before, name) })
	if len(added) > 0 {
		slices.Sort(added)
		l.forbidden("metadata.finalizers", fmt.Sprintf(
			"no new finalizers can be added if the object is being deleted, found new finalizers %#v", added))
	}
}

// immutable checks that a field has not changed.
func (l *list) immutable(object, before map[string]any, path ...string) {
	if now := tree.At(object, path...); !tree.Equal(now, tree.At(before, path...)) {
		if now == nil {
			now = ""
		}
		l.invalid(strings.Join(path, "."), now, "field is immutable")
	}
}
