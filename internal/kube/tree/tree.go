// Package tree reads and copies objects of the Kubernetes API. An object is a tree of map[string]any, []any, string,
// bool and int64; see package schema.
package tree

import (
	"maps"
	"slices"
)

// At returns the value at a path, or nil.
func At(object map[string]any, path ...string) any {
	var value any = object
	for _, name := range path {
		fields, _ := value.(map[string]any)
		value = fields[name]
	}
	return value
}

// Has reports whether there is a value at a path.
func Has(object map[string]any, path ...string) bool { return At(object, path...) != nil }

// String returns the string at a path, or "".
func String(object map[string]any, path ...string) string {
	text, _ := At(object, path...).(string)
	return text
}

// Int returns the integer at a path, or 0.
func Int(object map[string]any, path ...string) int64 {
	n, _ := At(object, path...).(int64)
	return n
}

// Bool returns the boolean at a path, or false.
func Bool(object map[string]any, path ...string) bool {
	b, _ := At(object, path...).(bool)
	return b
}

// Object returns the object at a path, or nil. It is not a copy.
func Object(object map[string]any, path ...string) map[string]any {
	fields, _ := At(object, path...).(map[string]any)
	return fields
}

// Objects returns the objects of the list at a path. They are not copies.
func Objects(object map[string]any, path ...string) []map[string]any {
	list, _ := At(object, path...).([]any)
	objects := make([]map[string]any, 0, len(list))
	for _, element := range list {
		if fields, ok := element.(map[string]any); ok {
			objects = append(objects, fields)
		}
	}
	return objects
}

// Strings returns the strings of the list at a path.
func Strings(object map[string]any, path ...string) []string {
	list, _ := At(object, path...).([]any)
	texts := make([]string, 0, len(list))
	for _, element := range list {
		if text, ok := element.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// Map returns a copy of the strings of the map at a path, such as labels.
func Map(object map[string]any, path ...string) map[string]string {
	entries := make(map[string]string)
	for name, value := range Object(object, path...) {
		if text, ok := value.(string); ok {
			entries[name] = text
		}
	}
	return entries
}

// Set stores a value at a path. It makes the objects on the way.
func Set(object map[string]any, value any, path ...string) {
	for len(path) > 1 {
		below, ok := object[path[0]].(map[string]any)
		if !ok {
			below = make(map[string]any)
			object[path[0]] = below
		}
		object, path = below, path[1:]
	}
	object[path[0]] = value
}

// Remove removes the value at a path.
func Remove(object map[string]any, path ...string) {
	last := len(path) - 1
	if parent := Object(object, path[:last]...); parent != nil {
		delete(parent, path[last])
	}
}

// Clone returns a deep copy of a value.
func Clone[V any](value V) V {
	copied, _ := clone(value).(V)
	return copied
}

func clone(value any) any {
	switch value := value.(type) {
	case map[string]any:
		if value == nil {
			return value
		}
		copied := make(map[string]any, len(value))
		for name, field := range value {
			copied[name] = clone(field)
		}
		return copied
	case []any:
		if value == nil {
			return value
		}
		copied := make([]any, len(value))
		for i, element := range value {
			copied[i] = clone(element)
		}
		return copied
	default:
		return value
	}
}

// Equal reports whether two values are equal. Lists are equal in the same order only.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, Equal)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, Equal)
	}
	switch b.(type) {
	case map[string]any, []any:
		return false // such values cannot be compared with ==
	}
	return a == b
}
