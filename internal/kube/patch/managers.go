package patch

import (
	"cmp"
	"slices"
	"time"

	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/tree"
)

const (
	applies = "Apply"
	updates = "Update"
	// maxUpdates is the maximum number of entries of managers that update. The oldest are merged.
	maxUpdates = 10
	// maxApplies is the maximum number of managers that apply.
	maxApplies = 20
	// ancient is the manager of merged entries.
	ancient = "ancient-changes"
	// beforeApply is the manager of the fields of an object without managers, once a manager applies.
	beforeApply = "before-first-apply"
)

// An owner is a manager with the fields that it owns: an entry of managedFields.
type owner struct {
	manager     string
	operation   string
	apiVersion  string
	subresource string
	time        string
	fields      fieldSet
}

// same reports whether two entries are of the same manager. An applying manager has one entry for all versions.
func (o owner) same(other owner) bool {
	return o.manager == other.manager && o.operation == other.operation && o.subresource == other.subresource &&
		(o.operation == applies || o.apiVersion == other.apiVersion)
}

// owners are the entries of an object.
type owners []owner

// ownersOf reads the entries of an object.
func ownersOf(object map[string]any) owners {
	var list owners
	for _, entry := range tree.Objects(object, "metadata", "managedFields") {
		o := owner{
			manager: tree.String(entry, "manager"), operation: tree.String(entry, "operation"), apiVersion: tree.String(entry, "apiVersion"),
			subresource: tree.String(entry, "subresource"), time: tree.String(entry, "time"), fields: decodeFields(tree.Object(entry, "fieldsV1")),
		}
		if (o.operation == applies || o.operation == updates) && len(o.fields) > 0 && list.find(o) < 0 {
			list = append(list, o)
		}
	}
	return list
}

// find returns the position of the entry of a manager, or -1.
func (l owners) find(o owner) int { return slices.IndexFunc(l, o.same) }

// all returns the fields that any manager owns.
func (l owners) all() fieldSet {
	set := make(fieldSet)
	for _, o := range l {
		set = set.with(o.fields)
	}
	return set
}

// count returns the number of entries of an operation.
func (l owners) count(operation string) int {
	n := 0
	for _, o := range l {
		if o.operation == operation {
			n++
		}
	}
	return n
}

// release removes fields from all managers, and the managers that own nothing then.
func (l owners) release(fields fieldSet) owners {
	var left owners
	for _, o := range l {
		if o.fields = o.fields.without(fields); len(o.fields) > 0 {
			left = append(left, o)
		}
	}
	return left
}

// merged returns the entries with the oldest of the updating managers merged into one, if there are too many.
func (l owners) merged() owners {
	if l.count(updates) <= maxUpdates {
		return l
	}
	bucket := owner{manager: ancient, operation: updates, fields: make(fieldSet)}
	l.sort()
	var left owners
	excess := l.count(updates) - maxUpdates + 1
	for _, o := range l {
		if o.operation != updates || excess == 0 && o.manager != ancient {
			left = append(left, o)
			continue
		}
		if excess > 0 {
			excess--
		}
		bucket.fields, bucket.apiVersion, bucket.time = bucket.fields.with(o.fields), o.apiVersion, max(bucket.time, o.time)
	}
	return append(left, bucket)
}

// sort orders the entries as kube-apiserver does.
func (l owners) sort() {
	slices.SortFunc(l, func(a, b owner) int {
		return cmp.Or(cmp.Compare(a.operation, b.operation), cmp.Compare(a.time, b.time), cmp.Compare(a.manager, b.manager),
			cmp.Compare(a.apiVersion, b.apiVersion), cmp.Compare(a.subresource, b.subresource))
	})
}

// store writes the entries into an object.
func (l owners) store(object map[string]any) {
	if len(l) == 0 {
		tree.Remove(object, "metadata", "managedFields")
		return
	}
	l.sort()
	entries := make([]any, len(l))
	for i, o := range l {
		entry := map[string]any{
			"manager": o.manager, "operation": o.operation, "apiVersion": o.apiVersion, "fieldsType": "FieldsV1", "fieldsV1": o.fields.encode(),
		}
		if o.time != "" {
			entry["time"] = o.time
		}
		if o.subresource != "" {
			entry["subresource"] = o.subresource
		}
		entries[i] = entry
	}
	tree.Set(object, entries, "metadata", "managedFields")
}

// unowned are the fields that no manager owns.
var unowned = decodeFields(map[string]any{
	"f:apiVersion": map[string]any{}, "f:kind": map[string]any{},
	"f:metadata": map[string]any{
		".": map[string]any{}, "f:name": map[string]any{}, "f:namespace": map[string]any{}, "f:creationTimestamp": map[string]any{},
		"f:selfLink": map[string]any{}, "f:uid": map[string]any{}, "f:generation": map[string]any{}, "f:managedFields": map[string]any{},
		"f:resourceVersion": map[string]any{},
	},
})

// unmanaged returns a copy of an object without managedFields.
func unmanaged(object map[string]any) map[string]any {
	copied := tree.Clone(object)
	tree.Remove(copied, "metadata", "managedFields")
	return copied
}

// Own returns after with the managedFields of a write that is not an apply: manager owns the fields that differ from
// before, and no other manager owns them. before is nil for a new object. Neither object is changed. The time of an
// entry changes only with its fields.
//
// If after has managedFields, they replace those of before: a client may edit them. A list of one empty entry removes
// all of them.
func Own(s *schema.Schema, before, after map[string]any, manager string, now time.Time) map[string]any {
	list := ownersOf(after)
	if entries := tree.Objects(after, "metadata", "managedFields"); len(list) == 0 && (len(entries) != 1 || len(entries[0]) > 0) {
		list = ownersOf(before)
	}
	result := unmanaged(after)
	list.update(s, before, result, manager, now).store(result)
	return result
}

// update returns the entries after a change by a manager.
func (l owners) update(s *schema.Schema, before, after map[string]any, manager string, now time.Time) owners {
	if before == nil {
		before = s.Empty()
	}
	c := compare(s, unmanaged(before), after)
	changed := c.changed().without(unowned)
	o := owner{manager: manager, operation: updates, apiVersion: s.GroupVersion(), fields: make(fieldSet)}
	if at := l.find(o); at >= 0 {
		o.fields = l[at].fields
	}
	left := l.release(c.removed.with(c.changed()))
	if len(changed) == 0 {
		return left
	}
	o.fields = o.fields.without(c.removed).with(changed)
	o.time = schema.FormatTime(now)
	if at := left.find(o); at >= 0 {
		left[at] = o
	} else {
		left = append(left, o)
	}
	return left.merged()
}
