// Package selector parses and matches the label selectors and field selectors of the Kubernetes API.
package selector

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lockd/lockd/internal/kube/status"
	"github.com/lockd/lockd/internal/kube/validate"
)

// Labels is a label selector. The zero value matches everything.
type Labels struct{ requirements []requirement }

// A requirement is one condition of a selector.
type requirement struct {
	key    string
	op     operator
	values []string // sorted, without repetitions
}

type operator uint8

const (
	exists operator = iota
	doesNotExist
	in
	notIn
	greater
	less
)

// Empty reports whether the selector matches everything.
func (s Labels) Empty() bool { return len(s.requirements) == 0 }

// Matches reports whether an object with these labels is selected.
func (s Labels) Matches(labels map[string]string) bool {
	for _, r := range s.requirements {
		if !r.matches(labels) {
			return false
		}
	}
	return true
}

func (r requirement) matches(labels map[string]string) bool {
	value, ok := labels[r.key]
	switch r.op {
	case exists:
		return ok
	case doesNotExist:
		return !ok
	case in:
		return ok && slices.Contains(r.values, value)
	case notIn:
		return !ok || !slices.Contains(r.values, value)
	default:
		return ok && r.compare(value)
	}
}

// compare compares a label with a number.
func (r requirement) compare(text string) bool {
	n, ok := integer(text)
	if !ok {
		return false
	}
	bound, _ := integer(r.values[0])
	if r.op == greater {
		return n > bound
	}
	return n < bound
}

// ParseLabels reads a label selector, such as `app in (a, b),!old,tier!=x`.
func ParseLabels(text string) (Labels, *status.Status) {
	p := parser{text: text}
	requirements, err := p.parse()
	if err != nil {
		return Labels{}, status.BadRequest(err.Error())
	}
	return Labels{requirements}, nil
}

// A parser reads a label selector token by token. The errors have the words of kube-apiserver.
type parser struct {
	text string
	at   int
}

// Tokens are the empty string at the end, an operator, or an identifier.
const operators = "=!(),<>"

// scan returns the next token and the position after it.
func (p *parser) scan() (token string, next int) {
	start := p.at
	for start < len(p.text) && strings.ContainsRune(" \t\r\n", rune(p.text[start])) {
		start++
	}
	end := start
	switch {
	case start == len(p.text):
	case strings.ContainsRune(operators, rune(p.text[start])):
		end++
		if two := p.text[start:min(end+1, len(p.text))]; two == "==" || two == "!=" {
			end++
		}
	default:
		for end < len(p.text) && !strings.ContainsRune(operators+" \t\r\n", rune(p.text[end])) {
			end++
		}
	}
	return p.text[start:end], end
}

func (p *parser) peek() string {
	token, _ := p.scan()
	return token
}

func (p *parser) next() string {
	token, next := p.scan()
	p.at = next
	return token
}

func isIdentifier(token string) bool {
	return token != "" && !strings.ContainsRune(operators, rune(token[0]))
}

func (p *parser) parse() ([]requirement, error) {
	var requirements []requirement
	for p.peek() != "" {
		if token := p.peek(); !isIdentifier(token) && token != "!" {
			return nil, fmt.Errorf("found '%s', expected: !, identifier, or 'end of string'", token)
		}
		r, err := p.requirement()
		if err != nil {
			return nil, fmt.Errorf("unable to parse requirement: %w", err)
		}
		requirements = append(requirements, r)
		switch token := p.next(); token {
		case "":
			return requirements, nil
		case ",":
			if after := p.peek(); !isIdentifier(after) && after != "!" {
				return nil, fmt.Errorf("found '%s', expected: identifier after ','", after)
			}
		default:
			return nil, fmt.Errorf("found '%s', expected: ',' or 'end of string'", token)
		}
	}
	return requirements, nil
}

func (p *parser) requirement() (requirement, error) {
	r := requirement{op: exists}
	key := p.next()
	if key == "!" {
		r.op = doesNotExist
		key = p.next()
	}
	if !isIdentifier(key) {
		return r, fmt.Errorf("found '%s', expected: identifier", key)
	}
	r.key = key
	if wrong := validate.LabelKey(key); len(wrong) > 0 {
		return r, fmt.Errorf("<nil>: Invalid value: %q: %s", key, strings.Join(wrong, "; "))
	}
	if token := p.peek(); token == "" || token == "," || r.op == doesNotExist {
		return r, nil
	}
	return p.comparison(r)
}

// comparison reads the operator and the values of a requirement.
func (p *parser) comparison(r requirement) (requirement, error) {
	var err error
	switch token := p.next(); token {
	case "=", "==":
		r.op = in
		r.values, err = p.value()
	case "!=":
		r.op = notIn
		r.values, err = p.value()
	case ">", "<":
		r.op = greater
		if token == "<" {
			r.op = less
		}
		r.values, err = p.value()
	case "in":
		r.op = in
		r.values, err = p.values()
	case "notin":
		r.op = notIn
		r.values, err = p.values()
	default:
		err = fmt.Errorf("found '%s', expected: in, notin, =, ==, !=, gt, lt", token)
	}
	if err != nil {
		return r, err
	}
	return r, checkValues(r)
}

// value reads one value, which may be empty.
func (p *parser) value() ([]string, error) {
	switch token := p.peek(); {
	case token == "" || token == ",":
		return []string{""}, nil
	case isIdentifier(token):
		return []string{p.next()}, nil
	default:
		return nil, fmt.Errorf("found '%s', expected: identifier", token)
	}
}

// values reads a list of values in parentheses. Between commas, a value may be empty.
func (p *parser) values() ([]string, error) {
	if token := p.next(); token != "(" {
		return nil, fmt.Errorf("found '%s' expected: '('", token)
	}
	if token := p.peek(); !isIdentifier(token) && token != "," && token != ")" {
		return nil, fmt.Errorf("found '%s', expected: ',', ')' or identifier", token)
	}
	var values []string
	for {
		value, expected := "", "',', or identifier"
		if isIdentifier(p.peek()) {
			value, expected = p.next(), "',' or ')'"
		}
		values = append(values, value)
		switch token := p.next(); token {
		case ")":
			slices.Sort(values)
			return slices.Compact(values), nil
		case ",":
		default:
			return nil, fmt.Errorf("found '%s', expected: %s", token, expected)
		}
	}
}

// checkValues returns one error for all values that are wrong.
func checkValues(r requirement) error {
	var problems []string
	if _, ok := integer(r.values[0]); !ok && (r.op == greater || r.op == less) {
		problems = append(problems, fmt.Sprintf("values[0]: Invalid value: %q: for 'Gt', 'Lt' operators, the value must be an integer", r.values[0]))
	}
	for i, value := range r.values {
		if wrong := validate.LabelValue(value); len(wrong) > 0 {
			problems = append(problems, fmt.Sprintf("values[%d][%s]: Invalid value: %q: %s", i, r.key, value, strings.Join(wrong, "; ")))
		}
	}
	switch len(problems) {
	case 0:
		return nil
	case 1:
		return errors.New(problems[0])
	default:
		return errors.New("[" + strings.Join(problems, ", ") + "]")
	}
}

func integer(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}
