package patch

import (
	"slices"

	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/tree"
)

// A part is a value below another one: a field, an entry of a map, or an element of a list that merges.
type part struct {
	id    string // as of fieldSet
	name  string // of a field or an entry
	value any
	field *schema.Field
}

// parts returns the parts of a value, or ok = false if the value is changed as a whole.
func parts(field *schema.Field, value any) (list []part, ok bool) {
	switch field.Type {
	case schema.Message:
		if field.Object.Atomic {
			return nil, false
		}
		object, _ := value.(map[string]any)
		for name, below := range object {
			of := field.Object.Field(name)
			if of == nil {
				of = &schema.Field{Name: name}
			}
			list = append(list, part{id: "f:" + name, name: name, value: below, field: of})
		}
		return list, true
	case schema.Map:
		entries, _ := value.(map[string]any)
		for name, below := range entries {
			list = append(list, part{id: "f:" + name, name: name, value: below, field: &schema.Field{Name: name}})
		}
		return list, true
	case schema.Strings, schema.Messages:
		if field.List == schema.Atomic {
			return nil, false
		}
		elements, _ := value.([]any)
		for _, element := range elements {
			list = append(list, elementOf(field, element))
		}
		return list, true
	default:
		return nil, false
	}
}

// elementOf returns the part that an element of a list is.
func elementOf(field *schema.Field, element any) part {
	if field.List == schema.Set {
		return part{id: "v:" + quote(element), value: element, field: &schema.Field{}}
	}
	fields, _ := element.(map[string]any)
	id := "k:" + quote(map[string]any{field.Key: tree.String(fields, field.Key)})
	return part{id: id, value: element, field: &schema.Field{Type: schema.Message, Object: field.Object}}
}

// isElement reports whether a part is an element of a list.
func (p part) isElement() bool { return p.id[0] != 'f' }

// root is the field that a whole object is.
func root(s *schema.Schema) *schema.Field {
	return &schema.Field{Type: schema.Message, Object: s.Object}
}

// fieldsOf adds the paths of a value to a set, as those that an apply of the value owns.
func fieldsOf(set fieldSet, path []string, field *schema.Field, value any) {
	list, granular := parts(field, value)
	if !granular {
		set.insert(path)
		return
	}
	for _, p := range list {
		below := append(slices.Clone(path), p.id)
		fieldsOf(set, below, p.field, p.value)
		empty, isObject := p.value.(map[string]any)
		if p.isElement() || isObject && len(empty) == 0 {
			set.insert(below)
		}
	}
}

// A comparison has the paths in which two objects differ.
type comparison struct{ added, removed, modified fieldSet }

func compare(s *schema.Schema, before, after map[string]any) comparison {
	c := comparison{make(fieldSet), make(fieldSet), make(fieldSet)}
	c.value(nil, root(s), before, after)
	return c
}

// changed returns the paths that after has with other values than before.
func (c comparison) changed() fieldSet { return c.added.with(c.modified) }

// value compares two values. One may be nil.
func (c comparison) value(path []string, field *schema.Field, before, after any) {
	old, granular := parts(field, before)
	if granular {
		now, _ := parts(field, after)
		c.parts(path, old, now)
	}
	switch {
	case len(path) == 0:
	case before == nil:
		c.added.insert(path)
	case after == nil:
		c.removed.insert(path)
	case !granular && !tree.Equal(before, after):
		c.modified.insert(path)
	}
}

func (c comparison) parts(path []string, old, now []part) {
	before := byID(old)
	seen := make(map[string]bool, len(now))
	for _, p := range now {
		if !seen[p.id] {
			c.value(append(slices.Clone(path), p.id), p.field, before[p.id].value, p.value)
		}
		seen[p.id] = true
	}
	for id, p := range before {
		if !seen[id] {
			c.value(append(slices.Clone(path), id), p.field, p.value, nil)
		}
	}
}

// overlay returns live with the values of applied. Neither is changed.
func overlay(field *schema.Field, live, applied any) any {
	now, granular := parts(field, applied)
	if !granular || live == nil {
		return tree.Clone(applied)
	}
	before, _ := parts(field, live)
	if list, ok := live.([]any); ok {
		return overlayList(before, now, len(list))
	}
	object, _ := tree.Clone(live).(map[string]any)
	for _, p := range now {
		object[p.name] = overlay(p.field, object[p.name], p.value)
	}
	return object
}

// overlayList returns a list with the elements of both lists. Each list's elements keep their order. If the order of
// common elements differs, that of now counts.
func overlayList(before, now []part, size int) []any {
	m := overlaid{old: byID(before), wanted: byID(now), taken: make(map[string]bool, len(now)), list: make([]any, 0, size)}
	for _, p := range now {
		if _, ok := m.old[p.id]; ok {
			m.common = append(m.common, p.id)
		}
	}
	for len(before) > 0 || len(now) > 0 {
		if len(before) > 0 {
			drop, next := m.place(before[0], now)
			if drop {
				before = before[1:]
			}
			if next {
				continue
			}
		}
		if len(now) > 0 {
			m.take(now[0])
			now = now[1:]
		}
	}
	return m.list
}

// An overlaid is a list in the making.
type overlaid struct {
	old, wanted map[string]part
	taken       map[string]bool // the elements of wanted that are in the list
	common      []string        // the elements of both lists that are not, in order
	list        []any
}

// place decides on the first element of the old list that is left. drop is whether it is done with, next whether the
// element after it comes before the first of now.
func (m *overlaid) place(first part, now []part) (drop, next bool) {
	_, shared := m.wanted[first.id]
	switch {
	case !shared:
		m.list = append(m.list, tree.Clone(first.value))
		return true, true
	case len(now) > 0 && now[0].id == first.id:
		return true, false
	case len(now) > 0 && len(m.common) > 0 && m.common[0] != first.id:
		return true, true // it is taken in the order of now
	default:
		return m.taken[first.id], false
	}
}

// take appends an element of the new list.
func (m *overlaid) take(p part) {
	if m.taken[p.id] {
		return
	}
	m.taken[p.id] = true
	m.list = append(m.list, overlay(p.field, m.old[p.id].value, p.value))
	if len(m.common) > 0 && m.common[0] == p.id {
		m.common = m.common[1:]
	}
}

func byID(list []part) map[string]part {
	found := make(map[string]part, len(list))
	for _, p := range list {
		found[p.id] = p
	}
	return found
}

// prune returns a value without what was applied last time and is owned by no manager now.
func prune(field *schema.Field, value any, last, owned fieldSet) any {
	list, granular := parts(field, value)
	if !granular {
		return value
	}
	switch field.Type {
	case schema.Message, schema.Map:
		object, _ := value.(map[string]any)
		for _, p := range list {
			if below, keep := pruned(p, last[p.id], owned[p.id]); keep {
				object[p.name] = below
			} else {
				delete(object, p.name)
			}
		}
		return object
	default:
		kept := make([]any, 0, len(list))
		for _, p := range list {
			if below, keep := pruned(p, last[p.id], owned[p.id]); keep {
				kept = append(kept, below)
			}
		}
		return kept
	}
}

// pruned returns what is left of a part. A field is also removed if only paths below it were applied.
func pruned(p part, last, owned *fieldNode) (value any, keep bool) {
	if last.empty() {
		return p.value, true
	}
	applied := last.member || !p.isElement()
	if applied && owned.empty() {
		return nil, false
	}
	var below fieldSet
	if owned != nil {
		below = owned.below
	}
	if len(last.below) == 0 {
		return p.value, true
	}
	return prune(p.field, p.value, last.below, below), true
}
