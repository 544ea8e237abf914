package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/lockd/lockd/internal/spelling"
)

// maxConfigFile is the size limit of the configuration file, in bytes.
const maxConfigFile = 1 << 20

// loadFile sets each flag from the file that neither the command line nor a variable has set. The
// whole file must be valid, including settings that are overridden.
func loadFile(path string, flags *pflag.FlagSet) error {
	text, err := ReadSmallFile(path, maxConfigFile)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	return loadText(path, text, flags)
}

// loadText is loadFile for the content of a file.
func loadText(path string, text []byte, flags *pflag.FlagSet) error {
	settings, err := document(path, text)
	if err != nil {
		return err
	}
	checked := pflag.NewFlagSet("", pflag.ContinueOnError)
	NewServer().AddTo(checked)
	var errs []error
	lines := make(map[string]int)
	for i := 0; i < len(settings); i += 2 {
		key, v := settings[i], settings[i+1]
		at := fmt.Sprintf("%s:%d", path, key.Line)
		first, twice := lines[key.Value]
		lines[key.Value] = key.Line
		f := checked.Lookup(key.Value)
		switch {
		case f == nil || f.Name == "config":
			errs = append(errs, fmt.Errorf("%s: unknown setting %q%s", at, key.Value, suggestion(key.Value, checked)))
			continue
		case twice:
			errs = append(errs, fmt.Errorf("%s: %s is already set in line %d: keep one of them", at, key.Value, first))
			continue
		}
		value, err := inFlagsForm(f.Value, v)
		if err == nil {
			err = f.Value.Set(value)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s %w", at, key.Value, err))
		} else if real := flags.Lookup(f.Name); !real.Changed {
			errs = append(errs, setFrom(real, value, at))
		}
	}
	return errors.Join(errs...)
}

var syntaxError = regexp.MustCompile(`^yaml: line (\d+): `)

// document returns the keys and values of the file's mapping, alternating.
func document(path string, text []byte) ([]*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	err := d.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, nil // an empty file sets nothing
	}
	if err == nil {
		if err = d.Decode(&second); errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			return nil, fmt.Errorf("%s:%d: a second document starts here: put all settings into the first", path, second.Line)
		}
	}
	if err != nil {
		if m := syntaxError.FindStringSubmatch(err.Error()); m != nil {
			return nil, fmt.Errorf("%s:%s: this is not valid YAML: %s", path, m[1], strings.TrimPrefix(err.Error(), m[0]))
		}
		return nil, fmt.Errorf("%s: this is not valid YAML: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	root := doc.Content[0]
	switch {
	case root.Kind == yaml.MappingNode:
		return root.Content, nil
	case root.ShortTag() == "!!null":
		return nil, nil // only comments, or an empty document
	}
	return nil, fmt.Errorf("%s:%d: the file must contain settings, one per line, as name: value", path, root.Line)
}

// inFlagsForm returns the value of a node as a flag expects it, if the node has the type of the
// setting.
func inFlagsForm(v pflag.Value, n *yaml.Node) (string, error) {
	if n.ShortTag() == "!!null" {
		return "", errors.New("has no value: set one, or remove the line")
	}
	switch v.(type) {
	case *List:
		return itemsOf(n)
	case *Value[int], *Value[uint64], *Value[float64]:
		return numberOf(v, n)
	case *Value[bool]:
		var on bool
		if n.ShortTag() != "!!bool" || n.Decode(&on) != nil {
			return "", errors.New("must be true or false, without quotes")
		}
		return fmt.Sprint(on), nil
	case *Value[time.Duration]:
		if tag := n.ShortTag(); tag == "!!int" || tag == "!!float" {
			return "", errors.New("needs a unit, such as 500ms")
		}
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		return "", errors.New("must be a text, such as 15s or lock-1; put a text that looks like a number in quotes")
	}
	return n.Value, nil
}

// numberOf returns a number as a flag expects it.
func numberOf(v pflag.Value, n *yaml.Node) (string, error) {
	if _, real := v.(*Value[float64]); real {
		if tag := n.ShortTag(); tag != "!!float" && tag != "!!int" {
			return "", errors.New("must be a number, without quotes")
		}
		return n.Value, nil
	}
	var number int64
	if n.ShortTag() != "!!int" || n.Decode(&number) != nil {
		return "", errors.New("must be a whole number, without quotes")
	}
	return fmt.Sprint(number), nil
}

// itemsOf returns the items of a list as a flag expects them.
func itemsOf(n *yaml.Node) (string, error) {
	items := make([]string, len(n.Content))
	for i, item := range n.Content {
		if item.ShortTag() != "!!str" {
			return "", errors.New("must be a list of texts")
		}
		items[i] = item.Value
	}
	if n.Kind != yaml.SequenceNode || len(items) == 0 {
		return "", errors.New("must be a list, such as [10.0.0.1:7401, 10.0.0.2:7401]")
	}
	return strings.Join(items, ","), nil
}

// suggestion returns the setting that is most similar to an unknown key, as a question.
func suggestion(key string, flags *pflag.FlagSet) string {
	var settings []string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != "config" {
			settings = append(settings, f.Name)
		}
	})
	if best := nearest(key, settings); best != "" {
		return fmt.Sprintf(": did you mean %s?", best)
	}
	return ": lockd server --help lists them"
}

// nearest returns the name that is most similar to an unknown one, or "".
func nearest(wrong string, names []string) string {
	plain := func(s string) string {
		s = strings.NewReplacer("-", "", "_", "", ".", "").Replace(s)
		return strings.TrimPrefix(strings.ToLower(s), "lockd")
	}
	best, least := "", 3
	for _, name := range names {
		if d := spelling.Distance(plain(wrong), plain(name)); d < least {
			best, least = name, d
		}
	}
	return best
}
