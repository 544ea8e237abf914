package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is made of the settings' definitions into the documents")

const (
	referencePath = "../../docs/configuration.md"
	examplePath   = "../../deploy/lockd.example.yaml"
)

const referenceHead = `# Configuration

<!-- Made from cmd/lockd/settings.go: go test ./cmd/lockd -run TestReference -update -->

A setting of ` + "`lockd server`" + ` can be given in three ways. A flag wins over a variable, a variable over the file, and the file over the default.

| | |
|---|---|
| flag | ` + "`--http-addr 0.0.0.0:7400`" + ` |
| variable | ` + "`LOCKD_HTTP_ADDR=0.0.0.0:7400`" + `; an empty one is none, and one that there is not is warned of |
| file | ` + "`http-addr: 0.0.0.0:7400`" + ` in the YAML file that ` + "`--config`" + ` or ` + "`LOCKD_CONFIG`" + ` names; none is looked for elsewhere |

A list has commas between its items; in the file it is written as ` + "`[a, b]`" + ` or as one line each, and a duration as a text such as ` + "`500ms`" + `, ` + "`3s`" + ` or ` + "`2m`" + `.
A number without a unit is seconds.
Whatever the file has too much, twice or of a wrong type is refused with its line. [deploy/lockd.example.yaml](../deploy/lockd.example.yaml) has every setting.

` + "`lockd config show`" + ` takes what ` + "`lockd server`" + ` takes, shows every setting, its value and where that is from, and ends with exit code 64 where the server would refuse it:

` + "```sh" + `
lockd config show --config /etc/lockd/lockd.yaml
` + "```" + `

A change takes effect when the node is started again. There are no secrets among the settings.
`

func reference(settings []setting) string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, s := range settings {
		def := s.absent
		if v := s.value.String(); v != "" {
			def = "`" + v + "`"
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n", s.name, sentence(s.means))
		fmt.Fprintf(&b, "| flag | variable | key | must be | default |\n|---|---|---|---|---|\n")
		fmt.Fprintf(&b, "| `--%s` | `%s` | `%s` | %s | %s |\n\n", s.name, envName(s.name), s.name, s.value.limits(), def)
		fmt.Fprintf(&b, "When to change it: %s\n", s.change)
	}
	return b.String()
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

const exampleHead = `# Every setting of lockd server, at its default: take the # away from what you
# change. What is not set here may still be set by flags and LOCKD_ variables,
# which win over this file. docs/configuration.md says when to change what, and
# this checks it:  lockd config show --config FILE
`

func example(settings []setting) string {
	var b strings.Builder
	b.WriteString(exampleHead)
	for _, s := range settings {
		v := s.value.String()
		fmt.Fprintf(&b, "\n# %s.\n", sentence(s.means))
		if v == "" {
			v = s.example
			fmt.Fprintf(&b, "# Default: %s.\n", s.absent)
		}
		fmt.Fprintf(&b, "#%s: %s\n", s.name, v)
	}
	return b.String()
}

// TestReference holds the documents against the definitions.
func TestReference(t *testing.T) {
	settings := newServerFlags().settings
	for path, want := range map[string]string{referencePath: reference(settings), examplePath: example(settings)} {
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("%s is not what the settings are (%v): go test ./cmd/lockd -run TestReference -update", path, err)
		}
	}
	for _, s := range settings {
		if s.means == "" || s.change == "" || s.value.String() == "" && (s.absent == "" || s.example == "") {
			t.Errorf("%s is not described", s.name)
		}
	}
}

// The example is read by the loader itself: as it is it changes nothing, and with
// every line in force every key is known and what is shown as a default is one.
func TestExampleFile(t *testing.T) {
	text, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	defaults := shown(t, "--config", examplePath)
	inForce := fileWith(t, regexp.MustCompile(`(?m)^#([a-z])`).ReplaceAllString(string(text), "$1"))
	all := shown(t, "--config", inForce)
	for _, s := range newServerFlags().settings {
		if from := defaults[s.name].From; from != "default" {
			t.Errorf("%s is set: from %s", s.name, from)
		}
		if from := all[s.name].From; !strings.HasPrefix(from, inForce+":") {
			t.Errorf("the example lacks %s", s.name)
		}
		if s.absent == "" && all[s.name].Value != defaults[s.name].Value {
			t.Errorf("the example shows %v as the default of %s", all[s.name].Value, s.name)
		}
	}
}
