package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/config"
)

var update = flag.Bool("update", false, "write the documents that are generated from the definitions of the settings")

const (
	referencePath = "../../docs/configuration.md"
	examplePath   = "../../deploy/lockd.example.yaml"
)

const referenceHead = `# Configuration

<!-- Generated from internal/config/settings.go: go test ./cmd/lockd -run TestReference -update -->

A setting of ` + "`lockd server`" + ` can be set in three ways. A flag overrides a variable, a variable overrides the file, and the file overrides the default.

| | |
|---|---|
| flag | ` + "`--http-addr 0.0.0.0:7400`" + ` |
| variable | ` + "`LOCKD_HTTP_ADDR=0.0.0.0:7400`" + `; an empty variable counts as not set, and an unknown one causes a warning |
| file | ` + "`http-addr: 0.0.0.0:7400`" + ` in the YAML file of ` + "`--config`" + ` or ` + "`LOCKD_CONFIG`" + `; there is no default file |

Separate the items of a list by commas. In the file, write a list as ` + "`[a, b]`" + ` or with one line per item, and a duration as a text such as ` + "`500ms`" + `, ` + "`3s`" + ` or ` + "`2m`" + `.
On the command line and in variables a number without a unit is in seconds.
A key in the file that is unknown or duplicate, or a value of a wrong type, is an error that names the line. [deploy/lockd.example.yaml](../deploy/lockd.example.yaml) has every setting.

` + "`lockd config show`" + ` accepts the flags of ` + "`lockd server`" + `. It shows every setting, its value and its source. Its exit code is 64 if the server would refuse the settings:

` + "```sh" + `
lockd config show --config /etc/lockd/lockd.yaml
` + "```" + `

A change takes effect when the node is restarted. No setting is a secret.
`

func reference(settings []config.Setting) string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, s := range settings {
		def := s.Fallback
		if v := s.Value.String(); v != "" {
			def = "`" + v + "`"
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n", s.Name, sentence(s.Usage))
		fmt.Fprintf(&b, "| flag | variable | key | must be | default |\n|---|---|---|---|---|\n")
		fmt.Fprintf(&b, "| `--%s` | `%s` | `%s` | %s | %s |\n\n", s.Name, config.EnvName(s.Name), s.Name, s.Value.Limits(), def)
		fmt.Fprintf(&b, "When to change it: %s\n", s.Change)
	}
	return wrapped(b.String())
}

// wrapped breaks the lines of prose that are longer than those of the other documents. Rows of tables stay whole.
func wrapped(text string) string {
	const most = 120
	var b strings.Builder
	for line := range strings.Lines(text) {
		length := 0
		for i, word := range strings.Split(line, " ") {
			switch {
			case i == 0:
			case strings.HasPrefix(line, "|") || length+1+len(strings.TrimSuffix(word, "\n")) <= most:
				b.WriteString(" ")
				length++
			default:
				b.WriteString("\n")
				length = 0
			}
			b.WriteString(word)
			length += len(word)
		}
	}
	return b.String()
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

const exampleHead = `# Every setting of lockd server, with its default. Remove the # from the settings
# that you change. Flags and LOCKD_ variables override this file.
# docs/configuration.md describes when to change a setting. To check the file, run:
#   lockd config show --config FILE
`

func example(settings []config.Setting) string {
	var b strings.Builder
	b.WriteString(exampleHead)
	for _, s := range settings {
		v := s.Value.String()
		fmt.Fprintf(&b, "\n# %s.\n", sentence(s.Usage))
		if v == "" {
			v = s.Example
			fmt.Fprintf(&b, "# Default: %s.\n", s.Fallback)
		}
		fmt.Fprintf(&b, "#%s: %s\n", s.Name, v)
	}
	return b.String()
}

// TestReference checks that the documents match the definitions.
func TestReference(t *testing.T) {
	settings := config.NewServer().Settings
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
			t.Errorf("%s does not match the settings (%v): run go test ./cmd/lockd -run TestReference -update", path, err)
		}
	}
	for _, s := range settings {
		if s.Usage == "" || s.Change == "" || s.Value.String() == "" && (s.Fallback == "" || s.Example == "") {
			t.Errorf("%s is not described", s.Name)
		}
	}
}

// TestExampleFile loads the example. Unchanged, it sets nothing. With every line uncommented, every
// key is known and every default is the default.
func TestExampleFile(t *testing.T) {
	text, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	defaults := shown(t, "--config", examplePath)
	inForce := fileWith(t, regexp.MustCompile(`(?m)^#([a-z])`).ReplaceAllString(string(text), "$1"))
	all := shown(t, "--config", inForce)
	for _, s := range config.NewServer().Settings {
		if from := defaults[s.Name].From; from != "default" {
			t.Errorf("%s is set: from %s", s.Name, from)
		}
		if from := all[s.Name].From; !strings.HasPrefix(from, inForce+":") {
			t.Errorf("the example lacks %s", s.Name)
		}
		if s.Fallback == "" && all[s.Name].Value != defaults[s.Name].Value {
			t.Errorf("the example shows %v as the default of %s", all[s.Name].Value, s.Name)
		}
	}
}
