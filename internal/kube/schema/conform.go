package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Conform checks the types of a tree and returns the object: without nulls, unknown fields and omitted zero values, with
// times in UTC. unknown has the problems `unknown field "x"`. The error is that of the first value of a wrong type, in
// the words of kube-apiserver. The tree is not changed.
func (s *Schema) Conform(tree map[string]any) (object map[string]any, unknown []string, err error) {
	return s.conform(tree, false)
}

// ConformPartial is Conform for the part of an object that a server-side apply sends. It adds no fields.
func (s *Schema) ConformPartial(tree map[string]any) (part map[string]any, unknown []string, err error) {
	return s.conform(tree, true)
}

func (s *Schema) conform(tree map[string]any, partial bool) (map[string]any, []string, error) {
	c := conformer{partial: partial}
	object, err := c.object(s.Object, tree, true)
	if err != nil {
		return nil, nil, err
	}
	return object, c.unknown.texts, nil
}

// Empty returns the object without any value.
func (s *Schema) Empty() map[string]any {
	object, _, _ := s.Conform(nil) // an empty tree has no value of a wrong type
	return object
}

// A conformer is at a position of a tree.
type conformer struct {
	partial bool // no fields are added
	path    path
	unknown problems
}

// object returns the canonical form of an object. The root has the fields apiVersion and kind, too.
func (c *conformer) object(o *Object, tree map[string]any, root bool) (map[string]any, error) {
	object := make(map[string]any, len(tree))
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		field := o.Field(name)
		if field == nil && root && (name == "apiVersion" || name == "kind") {
			field = &Field{Name: name, Type: String}
		}
		c.path.field(name)
		switch {
		case field == nil:
			c.unknown.add("unknown field", c.path)
		case tree[name] != nil:
			value, err := c.value(o, field, tree[name])
			if err != nil {
				return nil, err
			}
			if value != nil && (field.Presence != Omitted || !isZero(value)) {
				object[name] = value
			}
		}
		c.path.pop()
	}
	return object, c.fill(o, object)
}

// fill adds the fields that an object always has.
func (c *conformer) fill(o *Object, object map[string]any) error {
	for i := range o.Fields {
		field := &o.Fields[i]
		if _, ok := object[field.Name]; ok || field.Presence != Always || c.partial {
			continue
		}
		value, err := c.value(o, field, zero(field.Type))
		if err != nil {
			return err
		}
		object[field.Name] = value
	}
	return nil
}

// zero returns the zero value of a type.
func zero(t Type) any {
	switch t {
	case Bool:
		return false
	case Int32, Int64:
		return int64(0)
	case Message, Map, ListMap, FieldSet:
		return map[string]any{}
	case Strings, Messages:
		return []any{}
	default:
		return ""
	}
}

func isZero(value any) bool {
	switch value := value.(type) {
	case string:
		return value == ""
	case bool:
		return !value
	case int64:
		return value == 0
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	}
	return false
}

// value returns the canonical form of a field's value, or nil for a value that is the same as none.
func (c *conformer) value(in *Object, field *Field, value any) (any, error) {
	switch value := value.(type) {
	case string:
		switch field.Type {
		case String:
			return value, nil
		case Time, MicroTime:
			return canonicalTime(field.Type, value)
		}
	case bool:
		if field.Type == Bool {
			return value, nil
		}
	case []any:
		if field.Type == Strings || field.Type == Messages {
			return c.list(in, field, value)
		}
	case map[string]any:
		if object, ok, err := c.fields(in, field, value); ok {
			return object, err
		}
	case int64, json.Number:
		if field.Type == Int32 || field.Type == Int64 {
			return c.integer(in, field, value)
		}
	}
	return nil, c.wrong(in, field.goType(), nameOf(value))
}

// fields returns the canonical form of a JSON object. ok is whether the field is of such a type.
func (c *conformer) fields(in *Object, field *Field, tree map[string]any) (object any, ok bool, err error) {
	switch field.Type {
	case Message:
		object, err = c.object(field.Object, tree, false)
	case Map, ListMap:
		object, err = c.entries(in, field, tree)
	case FieldSet:
		object, err = tree, onlyObjects(tree)
	default:
		return nil, false, nil
	}
	return object, true, err
}

func (c *conformer) integer(in *Object, field *Field, value any) (any, error) {
	if n, ok := value.(int64); ok && (field.Type == Int64 || n >= math.MinInt32 && n <= math.MaxInt32) {
		return n, nil
	}
	return nil, c.wrong(in, field.goType(), fmt.Sprintf("number %v", value))
}

// list returns the canonical form of a list. A null element is the zero value.
func (c *conformer) list(in *Object, field *Field, elements []any) (any, error) {
	list := make([]any, len(elements))
	for i, element := range elements {
		c.path.index(i)
		var err error
		switch element := element.(type) {
		case nil:
			list[i], err = c.element(in, field, zero(field.elementType()))
		default:
			list[i], err = c.element(in, field, element)
		}
		if err != nil {
			return nil, err
		}
		c.path.pop()
	}
	return list, nil
}

func (c *conformer) element(in *Object, field *Field, element any) (any, error) {
	if field.Type == Messages {
		if tree, ok := element.(map[string]any); ok {
			return c.object(field.Object, tree, false)
		}
		return nil, c.wrong(in, field.Object.goName(), nameOf(element))
	}
	if text, ok := element.(string); ok {
		return text, nil
	}
	return nil, c.wrong(in, "string", nameOf(element))
}

// entries returns the canonical form of a map. A null is the zero value.
func (c *conformer) entries(in *Object, field *Field, tree map[string]any) (any, error) {
	entries := make(map[string]any, len(tree))
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		value := tree[key]
		if value == nil {
			value = zero(field.elementType())
		}
		switch value := value.(type) {
		case string:
			if field.Type == Map {
				entries[key] = value
				continue
			}
		case []any:
			if field.Type == ListMap {
				list, err := c.list(in, &Field{Name: field.Name, Type: Strings}, value)
				if err != nil {
					return nil, err
				}
				entries[key] = list
				continue
			}
		}
		return nil, c.wrong(in, strings.TrimPrefix(field.goType(), "map[string]"), nameOf(value))
	}
	return entries, nil
}

// onlyObjects checks that a set of field paths has no other values than objects.
func onlyObjects(tree map[string]any) error {
	for name, value := range tree {
		below, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("json: cannot unmarshal %s at %q into FieldsV1: use nested objects", nameOf(value), name)
		}
		if err := onlyObjects(below); err != nil {
			return err
		}
	}
	return nil
}

// wrong returns the error for a value of a wrong type, in the words of encoding/json.
func (c *conformer) wrong(in *Object, want, got string) error {
	var at []string
	for _, part := range c.path {
		if !strings.HasPrefix(part, "[") {
			at = append(at, part)
		}
	}
	return fmt.Errorf("json: cannot unmarshal %s into Go struct field %s.%s of type %s", got, in.name(), strings.Join(at, ""), want)
}

// nameOf returns the name of the JSON type of a value.
func nameOf(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case bool:
		return "bool"
	case int64, json.Number:
		return "number"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "null"
}

// name returns the last part of the ID: "LeaseSpec".
func (o *Object) name() string { return o.ID[strings.LastIndex(o.ID, ".")+1:] }

// goName returns the name of the Go type in the Kubernetes modules: "v1.LeaseSpec".
func (o *Object) goName() string {
	parts := strings.Split(o.ID, ".")
	return strings.Join(parts[max(0, len(parts)-2):], ".")
}

// elementType returns the type of the elements of a list or a map.
func (f *Field) elementType() Type {
	switch f.Type {
	case Messages:
		return Message
	case ListMap:
		return Strings
	default:
		return String
	}
}

// goType returns the name of the field's type as messages of kube-apiserver have it.
func (f *Field) goType() string {
	switch f.Type {
	case Bool:
		return "bool"
	case Int32:
		return "int32"
	case Int64:
		return "int64"
	case Message:
		return f.Object.goName()
	case Messages:
		return "[]" + f.Object.goName()
	case Strings:
		return "[]string"
	case Map:
		return "map[string]string"
	case ListMap:
		return "map[string]v1.ExtraValue"
	case FieldSet:
		return "v1.FieldsV1"
	default:
		return "string"
	}
}
