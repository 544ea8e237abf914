package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// MaxBody is the maximum size of a body in bytes. The handlers read no more.
	MaxBody = 1 << 20
	// MaxDepth bounds how deep the objects and arrays of a document nest.
	MaxDepth = 32
	// maxProblems bounds the unknown and duplicate fields that are reported for one body.
	maxProblems = 100
)

// ParseJSON returns the tree of a JSON document and the problems `duplicate field "x"` of its objects. Of duplicate
// fields the last one counts.
func ParseJSON(body []byte) (value any, duplicates []string, err error) {
	if !utf8.Valid(body) {
		return nil, nil, errors.New("invalid UTF-8: encode the body as UTF-8")
	}
	var syntax json.RawMessage
	if err := json.Unmarshal(body, &syntax); err != nil {
		return nil, nil, err
	}
	p := parser{tokens: json.NewDecoder(bytes.NewReader(body))}
	p.tokens.UseNumber()
	value, err = p.value(0)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, nil, err
	}
	return value, p.duplicates.texts, nil
}

// ParseStored returns the tree of a JSON document that was encoded from one that ParseJSON or ParseYAML returned. It takes
// half the time of ParseJSON, as it looks neither for duplicate fields nor for the depth.
func ParseStored(body string) (value any, err error) {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	return numbers(value), nil
}

// numbers replaces the numbers of a tree by what ParseJSON returns for them.
func numbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		return number(v)
	case []any:
		for i, element := range v {
			v[i] = numbers(element)
		}
	case map[string]any:
		for name, field := range v {
			if below := numbers(field); below != nil {
				v[name] = below
			}
		}
	}
	return value
}

// A parser builds the tree of a valid JSON document.
type parser struct {
	tokens     *json.Decoder
	path       path
	duplicates problems
}

func (p *parser) value(depth int) (any, error) {
	token, err := p.tokens.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Number:
		return number(token), nil
	case json.Delim:
		if depth == MaxDepth {
			return nil, fmt.Errorf("exceeded max depth: send at most %d levels of nesting", MaxDepth)
		}
		if token == '[' {
			return p.array(depth + 1)
		}
		return p.object(depth + 1)
	default:
		return token, nil
	}
}

func (p *parser) array(depth int) (any, error) {
	elements := []any{}
	for p.tokens.More() {
		p.path.index(len(elements))
		element, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		p.path.pop()
		elements = append(elements, element)
	}
	_, err := p.tokens.Token()
	return elements, err
}

func (p *parser) object(depth int) (any, error) {
	fields := make(map[string]any)
	for p.tokens.More() {
		token, err := p.tokens.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		p.path.field(name)
		if _, ok := fields[name]; ok {
			p.duplicates.add("duplicate field", p.path)
		}
		if fields[name], err = p.value(depth); err != nil {
			return nil, err
		}
		p.path.pop()
	}
	_, err := p.tokens.Token()
	return fields, err
}

// number returns an int64, or the number as it is if it has a fraction, an exponent or too many digits.
func number(n json.Number) any {
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return i
	}
	return n
}

// A path is the position in a document, as fields and indexes.
type path []string

func (p *path) field(name string) {
	if len(*p) > 0 {
		name = "." + name
	}
	*p = append(*p, name)
}

func (p *path) index(i int) { *p = append(*p, "["+strconv.Itoa(i)+"]") }

func (p *path) pop() { *p = (*p)[:len(*p)-1] }

func (p path) String() string { return strings.Join(p, "") }

// problems are the texts of unknown and duplicate fields, without repetitions and bounded in number.
type problems struct {
	texts []string
	seen  map[string]bool
}

func (p *problems) add(kind string, at path) {
	if len(p.texts) == maxProblems {
		return
	}
	text := kind + " " + strconv.Quote(at.String())
	if p.seen[text] {
		return
	}
	if p.seen == nil {
		p.seen = make(map[string]bool)
	}
	p.seen[text] = true
	p.texts = append(p.texts, text)
}
