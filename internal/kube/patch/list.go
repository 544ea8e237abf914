package patch

import (
	"errors"
	"fmt"
	"slices"

	"github.com/lockd/lockd/internal/kube/schema"
)

// mergeList merges a list by key or as a set. order has the elements of the result in the order that the client wants,
// or is nil for the order of the patch.
func mergeList(field *schema.Field, live, patch, order []any) ([]any, error) {
	merged := elements{field: field}
	for _, element := range live {
		if _, err := merged.put(element); err != nil {
			return nil, err
		}
	}
	before := slices.Clone(merged.list)
	changes, replace, err := merged.directives(patch)
	if err != nil {
		return nil, err
	}
	if replace {
		merged, before = elements{field: field}, nil
	}
	for _, element := range changes {
		if err := merged.merge(element); err != nil {
			return nil, err
		}
	}
	if order == nil {
		order = changes
	}
	return merged.ordered(before, order)
}

// elements is a list whose elements are found by their keys.
type elements struct {
	field *schema.Field
	list  []any
	at    map[any]int
}

// key returns the value by which an element is found.
func (e *elements) key(element any) (any, error) {
	key := element
	if e.field.List == schema.ByKey {
		fields, ok := element.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("the elements of %s must be objects", e.field.Name)
		}
		if key, ok = fields[e.field.Key]; !ok {
			return nil, fmt.Errorf("map: %v does not contain declared merge key: %s", fields, e.field.Key)
		}
	}
	if !isScalar(key) {
		return nil, fmt.Errorf("an element of %s has a key that is not a string", e.field.Name)
	}
	return key, nil
}

// put appends an element unless there is one of its key. It returns the position of the one that is in the list.
func (e *elements) put(element any) (int, error) {
	key, err := e.key(element)
	if err != nil {
		return 0, err
	}
	if at, ok := e.at[key]; ok {
		return at, nil
	}
	if e.at == nil {
		e.at = make(map[any]int)
	}
	e.at[key] = len(e.list)
	e.list = append(e.list, element)
	return len(e.list) - 1, nil
}

// merge merges an element of the patch into the list.
func (e *elements) merge(element any) error {
	before := len(e.list)
	at, err := e.put(element)
	if err != nil || at == before || e.field.List != schema.ByKey {
		return err
	}
	live, _ := e.list[at].(map[string]any)
	patch, _ := element.(map[string]any)
	e.list[at], err = mergeObject(e.field.Object, live, patch)
	return err
}

// directives applies the elements of a patch that are directives, and returns the others. replace is whether the list
// is to be replaced by them.
func (e *elements) directives(patch []any) (changes []any, replace bool, err error) {
	for _, element := range patch {
		fields, ok := element.(map[string]any)
		how, special := fields[directive]
		switch {
		case !ok || !special:
			changes = append(changes, element)
		case how == deleteValue:
			if err := e.remove(element); err != nil {
				return nil, false, err
			}
		case how == replaceAll:
			replace = true
		case how == "merge":
			return nil, false, errors.New("merging lists cannot yet be specified in the patch")
		default:
			return nil, false, fmt.Errorf("unknown patch type found: %v: use replace or delete", how)
		}
	}
	return changes, replace, nil
}

// remove removes the element of a key.
func (e *elements) remove(element any) error {
	key, err := e.key(element)
	if err != nil {
		return err
	}
	at, ok := e.at[key]
	if !ok {
		return nil
	}
	e.list = slices.Delete(e.list, at, at+1)
	delete(e.at, key)
	for other, i := range e.at {
		if i > at {
			e.at[other] = i - 1
		}
	}
	return nil
}

// positions returns the position of each key of a list.
func (e *elements) positions(list []any) (map[any]int, error) {
	at := make(map[any]int, len(list))
	for i, element := range list {
		key, err := e.key(element)
		if err != nil {
			return nil, err
		}
		if _, ok := at[key]; !ok {
			at[key] = i
		}
	}
	return at, nil
}

// ordered returns the list with the elements of order in that order, and with the others in the order that they had
// before, each before the first element that followed it.
func (e *elements) ordered(before, order []any) ([]any, error) {
	first, err := e.positions(order)
	if err != nil {
		return nil, err
	}
	then, err := e.positions(before)
	if err != nil {
		return nil, err
	}
	type item struct {
		element any
		order   int
		before  int
		existed bool
	}
	var wanted, others []item
	for _, element := range e.list {
		key, err := e.key(element)
		if err != nil {
			return nil, err
		}
		i := item{element: element}
		i.before, i.existed = then[key]
		var in bool
		if i.order, in = first[key]; in {
			wanted = append(wanted, i)
		} else {
			others = append(others, i)
		}
	}
	slices.SortStableFunc(wanted, func(a, b item) int { return a.order - b.order })
	list := make([]any, 0, len(e.list))
	for _, w := range wanted {
		for len(others) > 0 && others[0].existed && w.existed && others[0].before < w.before {
			list = append(list, others[0].element)
			others = others[1:]
		}
		list = append(list, w.element)
	}
	for _, o := range others {
		list = append(list, o.element)
	}
	return list, nil
}
