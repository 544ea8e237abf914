package reference

import (
	"encoding/json"
	"iter"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A node is a value of the contract, in the order in which the contract has it. The zero node has no value.
type node struct {
	*yaml.Node
	root *yaml.Node
}

// parse returns the contract.
func parse(contract []byte) (node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(contract, &doc); err != nil {
		return node{}, err
	}
	return node{doc.Content[0], doc.Content[0]}, nil
}

// is reports whether there is a value.
func (n node) is() bool { return n.Node != nil }

// get returns the value at a path of keys, and follows references.
func (n node) get(keys ...string) node {
	for _, key := range keys {
		n = n.resolved().member(key)
	}
	return n.resolved()
}

func (n node) member(key string) node {
	for k, v := range n.pairs() {
		if k == key {
			return v
		}
	}
	return node{root: n.root}
}

// resolved returns the value to which a reference points.
func (n node) resolved() node {
	if name := n.reference(); name != "" {
		at := node{n.root, n.root}
		for key := range strings.SplitSeq(strings.TrimPrefix(name, "#/"), "/") {
			at = at.member(key)
		}
		return at
	}
	return n
}

// reference returns where a value points to, such as #/components/schemas/Lease, or "".
func (n node) reference() string {
	if !n.is() || n.Kind != yaml.MappingNode {
		return ""
	}
	return n.member("$ref").text()
}

// schemaName returns the name of the schema to which a value points, or "".
func (n node) schemaName() string {
	name, _ := strings.CutPrefix(n.reference(), "#/components/schemas/")
	return name
}

// pairs yields the members of a mapping.
func (n node) pairs() iter.Seq2[string, node] {
	return func(yield func(string, node) bool) {
		if !n.is() || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i].Value, node{n.Content[i+1], n.root}) {
				return
			}
		}
	}
}

// all yields the elements of a list.
func (n node) all() iter.Seq[node] {
	return func(yield func(node) bool) {
		if !n.is() || n.Kind != yaml.SequenceNode {
			return
		}
		for _, v := range n.Content {
			if !yield(node{v, n.root}) {
				return
			}
		}
	}
}

// text returns a scalar, or "".
func (n node) text() string {
	if !n.is() || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// texts returns the scalars of a list.
func (n node) texts() (all []string) {
	for v := range n.all() {
		all = append(all, v.text())
	}
	return all
}

// json appends a value as JSON. A value that is short is in one line.
func (n node) json(b *strings.Builder, indent string) {
	const short = 76
	switch n.Kind {
	case yaml.MappingNode, yaml.SequenceNode:
		var line strings.Builder
		n.line(&line)
		if len(indent)+line.Len() <= short || len(n.Content) == 0 {
			b.WriteString(line.String())
			return
		}
		n.lines(b, indent)
	default:
		n.line(b)
	}
}

// lines appends a mapping or a list with a line for each member.
func (n node) lines(b *strings.Builder, indent string) {
	open, end, step := "[", "]", 1
	if n.Kind == yaml.MappingNode {
		open, end, step = "{", "}", 2
	}
	b.WriteString(open)
	for i := 0; i < len(n.Content); i += step {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n" + indent + "  ")
		if step == 2 {
			b.WriteString(quote(n.Content[i].Value) + ": ")
		}
		node{n.Content[i+step-1], n.root}.json(b, indent+"  ")
	}
	b.WriteString("\n" + indent + end)
}

// line appends a value in one line.
func (n node) line(b *strings.Builder) {
	switch {
	case n.Kind == yaml.MappingNode:
		b.WriteString("{")
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteString(",")
			}
			b.WriteString(quote(n.Content[i].Value) + ":")
			node{n.Content[i+1], n.root}.line(b)
		}
		b.WriteString("}")
	case n.Kind == yaml.SequenceNode:
		b.WriteString("[")
		for i, v := range n.Content {
			if i > 0 {
				b.WriteString(",")
			}
			node{v, n.root}.line(b)
		}
		b.WriteString("]")
	case n.Tag == "!!str" || n.Tag == "!!timestamp":
		b.WriteString(quote(n.Value))
	default:
		b.WriteString(n.Value)
	}
}

func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic("reference: " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}
