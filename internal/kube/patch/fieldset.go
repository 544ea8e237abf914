package patch

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// A fieldSet is a set of field paths. Its keys are the parts of paths in the form FieldsV1: `f:name` is a field,
// `k:{"uid":"u"}` an element of a list by its key, `v:"x"` an element of a set.
type fieldSet map[string]*fieldNode

// A fieldNode is what a set has of a path and of the paths below it.
type fieldNode struct {
	member bool // the path itself is in the set
	below  fieldSet
}

func (n *fieldNode) empty() bool { return n == nil || !n.member && len(n.below) == 0 }

// insert adds a path.
func (s fieldSet) insert(path []string) {
	for i, part := range path {
		node := s[part]
		if node == nil {
			node = &fieldNode{}
			s[part] = node
		}
		if i == len(path)-1 {
			node.member = true
			return
		}
		if node.below == nil {
			node.below = make(fieldSet)
		}
		s = node.below
	}
}

// combine returns the set of the paths for which keep returns true, given whether each set has them.
func combine(a, b fieldSet, keep func(a, b bool) bool) fieldSet {
	result := make(fieldSet)
	for part := range union(a, b) {
		x, y := a[part], b[part]
		if x == nil {
			x = &fieldNode{}
		}
		if y == nil {
			y = &fieldNode{}
		}
		node := &fieldNode{member: keep(x.member, y.member), below: combine(x.below, y.below, keep)}
		if !node.empty() {
			result[part] = node
		}
	}
	return result
}

// union returns the parts that either set starts with.
func union(a, b fieldSet) map[string]bool {
	parts := make(map[string]bool, len(a)+len(b))
	for part := range a {
		parts[part] = true
	}
	for part := range b {
		parts[part] = true
	}
	return parts
}

func (s fieldSet) with(other fieldSet) fieldSet {
	return combine(s, other, func(a, b bool) bool { return a || b })
}

func (s fieldSet) without(other fieldSet) fieldSet {
	return combine(s, other, func(a, b bool) bool { return a && !b })
}

func (s fieldSet) intersection(other fieldSet) fieldSet {
	return combine(s, other, func(a, b bool) bool { return a && b })
}

// decodeFields reads a set in the form FieldsV1.
func decodeFields(fields map[string]any) fieldSet {
	s := make(fieldSet)
	for part, value := range fields {
		below, _ := value.(map[string]any)
		if part == "." {
			continue
		}
		_, member := below["."]
		node := &fieldNode{member: member || len(below) == 0, below: decodeFields(below)}
		if !node.empty() {
			s[part] = node
		}
	}
	return s
}

// encode returns the set in the form FieldsV1.
func (s fieldSet) encode() map[string]any {
	fields := make(map[string]any, len(s))
	for part, node := range s {
		below := node.below.encode()
		if node.member && len(below) > 0 {
			below["."] = map[string]any{}
		}
		fields[part] = below
	}
	return fields
}

// paths returns the paths as error messages have them: .spec.holderIdentity.
func (s fieldSet) paths() []string {
	var list []string
	for _, part := range slices.Sorted(maps.Keys(s)) {
		node, text := s[part], display(part)
		if node.member {
			list = append(list, text)
		}
		for _, below := range node.below.paths() {
			list = append(list, text+below)
		}
	}
	return list
}

// display returns a part of a path as error messages have it.
func display(part string) string {
	kind, text, _ := strings.Cut(part, ":")
	switch kind {
	case "f":
		return "." + text
	case "v":
		return "[=" + text + "]"
	}
	var key map[string]any
	if json.Unmarshal([]byte(text), &key) != nil {
		return "[" + text + "]"
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(key)) {
		pairs = append(pairs, name+"="+quote(key[name]))
	}
	return "[" + strings.Join(pairs, ",") + "]"
}

// quote returns the JSON of a scalar.
func quote(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}
