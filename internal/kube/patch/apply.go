package patch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/status"
	"github.com/lockd/lockd/internal/kube/tree"
)

// Apply returns the object that a server-side apply makes of live, with its managedFields. live is nil if there is no
// object. applied is a partial object, as of schema.DecodePartial. Neither is changed. The fields of applied belong to
// manager then; a field with another value that another manager owns is a conflict unless force is set. Fields that
// manager applied last time, and that no manager owns now, are removed. If nothing changes, the times of managedFields do
// not change either.
func Apply(s *schema.Schema, live, applied map[string]any, manager string, force bool, now time.Time) (map[string]any, *status.Status) {
	if tree.Has(applied, "metadata", "managedFields") {
		return nil, status.BadRequest("metadata.managedFields must be nil")
	}
	before := live
	if before == nil {
		before = s.Empty()
	}
	list := ownersOf(before)
	before = unmanaged(before)
	if live != nil && len(list) == 0 {
		list = list.update(s, nil, before, beforeApply, now)
	}
	a := application{schema: s, owners: list, owner: owner{
		manager: manager, operation: applies, apiVersion: s.GroupVersion(), fields: make(fieldSet),
	}}
	fieldsOf(a.owner.fields, nil, root(s), applied)
	a.owner.fields = a.owner.fields.without(unowned)
	merged := a.merge(before, applied)
	object, _, err := s.Conform(merged)
	if err != nil {
		return nil, status.InternalError(err.Error()) // both objects are canonical
	}
	c := compare(s, before, merged) // a list without elements, which Conform removes, still has its owners
	if refused := a.conflicts(c.changed()); refused != nil && !force {
		return nil, refused
	}
	left := a.others.release(c.changed().with(c.removed))
	if len(a.owner.fields) > 0 {
		a.owner.time = a.last.time
		if !tree.Equal(before, object) || !tree.Equal(a.owner.fields.encode(), a.last.fields.encode()) {
			a.owner.time = schema.FormatTime(now)
		}
		left = append(left, a.owner)
	}
	if left.count(applies) > maxApplies {
		return nil, status.InvalidOptions("PatchOptions", []status.Cause{{
			Reason: "FieldValueTooMany", Field: "fieldManager",
			Message: fmt.Sprintf("Too many: an object has at most %d managers that apply: use one of theirs", maxApplies),
		}})
	}
	left.store(object)
	return object, nil
}

// An application is an apply in progress.
type application struct {
	schema *schema.Schema
	owners owners
	owner  owner  // the entry of the manager after the apply
	last   owner  // its entry before
	others owners // the entries of all others
}

// merge returns the object with the applied fields, and without those that were applied last time only.
func (a *application) merge(before, applied map[string]any) map[string]any {
	a.others = slices.Clone(a.owners)
	if at := a.owners.find(a.owner); at >= 0 {
		a.last = a.owners[at]
		a.others = slices.Delete(a.others, at, at+1)
	}
	merged := overlay(root(a.schema), before, applied)
	owned := a.others.all().with(a.owner.fields).with(unowned)
	object, _ := prune(root(a.schema), merged, a.last.fields, owned).(map[string]any)
	return object
}

// conflicts returns the error for changed fields that other managers own, or nil.
func (a *application) conflicts(changed fieldSet) *status.Status {
	var causes []status.Cause
	var lines []string
	others := slices.Clone(a.others)
	slices.SortFunc(others, func(x, y owner) int { return strings.Compare(x.describe(), y.describe()) })
	for _, o := range others {
		paths := o.fields.intersection(changed).paths()
		if len(paths) == 0 {
			continue
		}
		lines = append(lines, "conflicts with "+o.describe()+":")
		for _, path := range paths {
			lines = append(lines, "- "+path)
			causes = append(causes, status.Cause{Reason: "FieldManagerConflict", Message: "conflict with " + o.describe(), Field: path})
		}
	}
	switch len(causes) {
	case 0:
		return nil
	case 1:
		return status.ApplyConflict("Apply failed with 1 conflict: "+causes[0].Message+": "+causes[0].Field, causes)
	default:
		return status.ApplyConflict(fmt.Sprintf("Apply failed with %d conflicts: %s", len(causes), strings.Join(lines, "\n")), causes)
	}
}

// describe names a manager as messages of kube-apiserver do.
func (o owner) describe() string {
	text := fmt.Sprintf("%q", o.manager)
	if o.subresource != "" {
		text += fmt.Sprintf(" with subresource %q", o.subresource)
	}
	if o.operation == updates {
		text += " using " + o.apiVersion
	}
	return text
}
