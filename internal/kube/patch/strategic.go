package patch

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/status"
	"github.com/lockd/lockd/internal/kube/tree"
)

// The directives of strategic merge patches.
const (
	directive   = "$patch"
	retainKeys  = "$retainKeys"
	deleteFrom  = "$deleteFromPrimitiveList/"
	setOrder    = "$setElementOrder/"
	replaceAll  = "replace"
	deleteValue = "delete"
)

var (
	errRetainKeys = errors.New("invalid patch format of retainKeys")
	errPrimitives = errors.New("invalid patch format of primitive list")
	errOrder      = errors.New("invalid patch format of setElementOrder list")
)

// Strategic applies a strategic merge patch: a merge patch in which some lists are merged by key or as a set. Nulls of
// the result are removed by Conform, which the caller has to do.
func Strategic(s *schema.Schema, live, patch map[string]any) (map[string]any, *status.Status) {
	merged, err := mergeObject(s.Object, tree.Clone(live), tree.Clone(patch))
	if err != nil {
		return nil, status.BadRequest(err.Error())
	}
	return merged, nil
}

// mergeObject merges patch into live. It changes both. o is nil for objects without known fields, such as labels.
func mergeObject(o *schema.Object, live, patch map[string]any) (map[string]any, error) {
	if how, ok := patch[directive]; ok {
		return replaced(how, patch)
	}
	if live == nil {
		live = make(map[string]any)
	}
	if err := retain(live, patch); err != nil {
		return nil, err
	}
	if err := reorder(o, live, patch); err != nil {
		return nil, err
	}
	for name, value := range patch {
		if of, ok := strings.CutPrefix(name, deleteFrom); ok {
			if err := deletePrimitives(live, of, value); err != nil {
				return nil, err
			}
			continue
		}
		if value == nil {
			delete(live, name)
			continue
		}
		merged, err := mergeValue(o, name, live[name], value)
		if err != nil {
			return nil, err
		}
		if live[name] = merged; merged == nil {
			delete(live, name)
		}
	}
	return live, nil
}

// replaced returns the object that a directive makes of the whole object.
func replaced(how any, patch map[string]any) (map[string]any, error) {
	switch how {
	case replaceAll:
		delete(patch, directive)
		return patch, nil
	case deleteValue:
		return map[string]any{}, nil
	default:
		return nil, fmt.Errorf("unknown patch type found: %v: use replace or delete", how)
	}
}

// mergeValue merges the value of a field. It returns nil if the field is to be removed.
func mergeValue(o *schema.Object, name string, live, patch any) (any, error) {
	field := fieldOf(o, name)
	switch patch := patch.(type) {
	case map[string]any:
		if live, ok := live.(map[string]any); ok {
			return mergeObject(objectOf(field), live, patch)
		}
	case []any:
		if live, ok := live.([]any); ok && field != nil && field.List != schema.Atomic {
			return mergeList(field, live, patch, nil)
		}
		if _, ok := live.([]any); ok {
			return patch, nil
		}
	}
	value, keep := withoutDirectives(patch)
	if !keep {
		return nil, nil // nil removes the field
	}
	return value, nil
}

func fieldOf(o *schema.Object, name string) *schema.Field {
	if o == nil {
		return nil
	}
	return o.Field(name)
}

func objectOf(field *schema.Field) *schema.Object {
	if field == nil {
		return nil
	}
	return field.Object
}

// withoutDirectives removes the directives and the nulls of a value that is new. keep is false if the value is a directive.
func withoutDirectives(value any) (cleaned any, keep bool) {
	switch value := value.(type) {
	case map[string]any:
		if _, ok := value[directive]; ok {
			return nil, false
		}
		for name, below := range value {
			if below, keep := withoutDirectives(below); keep && below != nil {
				value[name] = below
			} else {
				delete(value, name)
			}
		}
	case []any:
		list := make([]any, 0, len(value))
		for _, element := range value {
			if element, keep := withoutDirectives(element); keep {
				list = append(list, element)
			}
		}
		return list, true
	}
	return value, true
}

// retain applies and removes the directive $retainKeys: all other fields are removed.
func retain(live, patch map[string]any) error {
	value, ok := patch[retainKeys]
	if !ok {
		return nil
	}
	delete(patch, retainKeys)
	list, ok := value.([]any)
	if !ok {
		return errRetainKeys
	}
	kept := make(map[string]bool, len(list))
	for _, element := range list {
		name, _ := element.(string)
		kept[name] = true
	}
	for name, value := range patch {
		special := strings.HasPrefix(name, deleteFrom) || strings.HasPrefix(name, setOrder)
		if value != nil && !special && !kept[name] {
			return errRetainKeys
		}
	}
	for name := range live {
		if !kept[name] {
			delete(live, name)
		}
	}
	return nil
}

// deletePrimitives applies the directive $deleteFromPrimitiveList.
func deletePrimitives(live map[string]any, name string, value any) error {
	removed, ok := value.([]any)
	if !ok {
		return errPrimitives
	}
	list, ok := live[name].([]any)
	if !ok {
		return nil
	}
	gone := make(map[any]bool, len(removed))
	for _, element := range removed {
		if !isScalar(element) {
			return errPrimitives
		}
		gone[element] = true
	}
	kept := make([]any, 0, len(list))
	for _, element := range list {
		if !isScalar(element) || !gone[element] {
			kept = append(kept, element)
		}
	}
	live[name] = kept
	return nil
}

// isScalar reports whether a value can be a key of a Go map.
func isScalar(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// reorder applies and removes the directives $setElementOrder, together with the lists that they order.
func reorder(o *schema.Object, live, patch map[string]any) error {
	for directive, value := range patch {
		name, ok := strings.CutPrefix(directive, setOrder)
		if !ok {
			continue
		}
		order, ok := value.([]any)
		field := fieldOf(o, name)
		if !ok || field == nil || field.List == schema.Atomic {
			return errOrder
		}
		delete(patch, directive)
		change, changes := patch[name].([]any)
		before, exists := live[name].([]any)
		delete(patch, name)
		if !changes && !exists {
			continue
		}
		merged, err := mergeList(field, before, change, order)
		if err != nil {
			return err
		}
		live[name] = merged
	}
	return nil
}
