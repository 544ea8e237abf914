package schema

import (
	"encoding/json"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// ParseYAML returns the tree of a YAML document as ParseJSON does. JSON is YAML, so a body that is valid JSON is read as
// JSON. Aliases are refused: a small document could have a large tree.
func ParseYAML(body []byte) (value any, duplicates []string, err error) {
	if json.Valid(body) {
		return ParseJSON(body)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(body, &document); err != nil {
		return nil, nil, err
	}
	if len(document.Content) == 0 {
		return nil, nil, nil
	}
	p := yamlParser{}
	value, err = p.value(document.Content[0], 0)
	return value, p.duplicates.texts, err
}

// A yamlParser builds the tree of a YAML document.
type yamlParser struct {
	path       path
	duplicates problems
}

func (p *yamlParser) value(n *yaml.Node, depth int) (any, error) {
	if depth == MaxDepth && n.Kind != yaml.ScalarNode {
		return nil, fmt.Errorf("exceeded max depth: send at most %d levels of nesting", MaxDepth)
	}
	switch n.Kind {
	case yaml.MappingNode:
		return p.mapping(n, depth)
	case yaml.SequenceNode:
		elements := make([]any, 0, len(n.Content))
		for i, element := range n.Content {
			p.path.index(i)
			value, err := p.value(element, depth+1)
			if err != nil {
				return nil, err
			}
			p.path.pop()
			elements = append(elements, value)
		}
		return elements, nil
	case yaml.ScalarNode:
		return scalar(n)
	default:
		return nil, fmt.Errorf("yaml: line %d: aliases are not supported: repeat the value", n.Line)
	}
}

func (p *yamlParser) mapping(n *yaml.Node, depth int) (any, error) {
	fields := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		if name.Kind != yaml.ScalarNode || name.Tag == "!!merge" {
			return nil, fmt.Errorf("yaml: line %d: the name of a field must be a string", name.Line)
		}
		p.path.field(name.Value)
		if _, ok := fields[name.Value]; ok {
			p.duplicates.add("duplicate field", p.path)
		}
		value, err := p.value(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		fields[name.Value] = value
		p.path.pop()
	}
	return fields, nil
}

// scalar returns the value of a scalar. Dates are strings, as in JSON.
func scalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil // null is a value
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, err
	case "!!int":
		var i int64
		if n.Decode(&i) == nil {
			return i, nil
		}
		return json.Number(n.Value), nil
	case "!!float":
		return json.Number(n.Value), nil
	case "!!str", "!!timestamp":
		return n.Value, nil
	default:
		return nil, errors.New("yaml: tag " + n.ShortTag() + " is not supported: use strings, numbers and booleans")
	}
}
