package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/config"
)

func fileWith(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lockd.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// shown returns the output of `config show`, by setting.
func shown(t *testing.T, args ...string) map[string]settingAnswer {
	t.Helper()
	r := command("", append([]string{"config", "show", "-o", "json"}, args...)...)
	if r.code != exitOK {
		t.Fatalf("exit %d: %s", r.code, r.errOut)
	}
	var answers []settingAnswer
	if err := json.Unmarshal([]byte(r.out), &answers); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]settingAnswer)
	for _, a := range answers {
		all[a.Setting] = a
	}
	return all
}

// Each source overrides the next: flag, variable, file, default.
func TestLayers(t *testing.T) {
	path := fileWith(t, `# comment
node-id: file
data-dir: /file
http-addr: 0.0.0.0:7400
peer-addr: "0.0.0.0:7401"
join:
  - 10.0.0.1:7400
  - dns:lockd
max-conns: 8_000
trailing-logs: 5
heartbeat-timeout: 1s
insecure: true
`)
	t.Setenv("LOCKD_CONFIG", path)
	t.Setenv("LOCKD_DATA_DIR", "/variable")
	t.Setenv("LOCKD_HTTP_ADDR", "127.0.0.1:1")
	t.Setenv("LOCKD_LOG_LEVEL", "DEBUG")
	got := shown(t, "--http-addr", "127.0.0.1:2", "--max-watchers", "7", "--log-format", "text")
	for name, want := range map[string]settingAnswer{
		"node-id":           {"", "file", path + ":2"},
		"data-dir":          {"", "/variable", "LOCKD_DATA_DIR"},
		"http-addr":         {"", "127.0.0.1:2", "flag"},
		"peer-addr":         {"", "0.0.0.0:7401", path + ":5"},
		"max-conns":         {"", 8000.0, path + ":9"},
		"trailing-logs":     {"", 5.0, path + ":10"},
		"heartbeat-timeout": {"", "1s", path + ":11"},
		"max-watchers":      {"", 7.0, "flag"},
		"insecure":          {"", true, path + ":12"},
		"log-level":         {"", "debug", "LOCKD_LOG_LEVEL"},
		"drain-timeout":     {"", "4s", "default"},
		"bootstrap-expect":  {"", 0.0, "default"},
	} {
		if g := got[name]; g.Value != want.Value || g.From != want.From {
			t.Errorf("%s is %v from %s, want %v from %s", name, g.Value, g.From, want.Value, want.From)
		}
	}
	if j := got["join"]; !slices.Equal(j.Value.([]any), []any{"10.0.0.1:7400", "dns:lockd"}) || j.From != path+":6" {
		t.Errorf("join is %v", j)
	}
	if len(got) != len(config.NewServer().Settings) {
		t.Errorf("only %d settings are shown", len(got))
	}
	if j := shown(t, "--join", "a:1", "--join", "b:1,c:1")["join"]; !slices.Equal(j.Value.([]any), []any{"a:1", "b:1", "c:1"}) {
		t.Errorf("join given twice is %v", j)
	}
}

func TestConfigShowAsATable(t *testing.T) {
	path := fileWith(t, "node-id: a\n")
	r := command("", "config", "show", "--config", path)
	for _, want := range []string{
		"SETTING VALUE FROM", "node-id a " + path + ":1", "join (none) default", "http-addr 127.0.0.1:7400 default",
	} {
		if !strings.Contains(squeeze(r.out)+"\n", want+"\n") {
			t.Errorf("want a line %q in\n%s", want, r.out)
		}
	}
	// Errors in a combination of settings are found too.
	r = command("", "config", "show", "--bootstrap-expect", "3")
	if r.code != exitUsage || !strings.Contains(r.errOut, "also needs --join") || !strings.Contains(squeeze(r.out), "bootstrap-expect 3 flag") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.errOut)
	}
}

func TestFilesThatSetNothing(t *testing.T) {
	for _, text := range []string{"", "# a comment\n", "---\n", "{}\n"} {
		if got := shown(t, "--config", fileWith(t, text))["node-id"]; got.From != "default" {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// Every error has the file, the line, and the allowed values.
func TestBadFiles(t *testing.T) {
	t.Setenv("LOCKD_MAX_CONNS", "5") // a file must be valid even if its settings are overridden
	for text, want := range map[string]string{
		"\nnode_id: a\n":                        `:2: unknown setting "node_id": did you mean node-id?`,
		"max-con: 1\n":                          `:1: unknown setting "max-con": did you mean max-conns?`,
		"LOCKD_DATA_DIR: /x\n":                  "did you mean data-dir?",
		"tls-certificate: x\n":                  "lockd server --help lists them",
		"config: other.yaml\n":                  `unknown setting "config"`,
		"node-id: a\ndata-dir: b\nnode-id: c\n": ":3: node-id is already set in line 1",
		"node-id: a\n---\nnode-id: b\n":         ":2: a second document",
		"node-id: a b\n":                        ":1: node-id must be 1 to 64 of",
		"node-id: 7\n":                          ":1: node-id must be a text",
		"node-id: true\n":                       ":1: node-id must be a text",
		"node-id:\n":                            ":1: node-id has no value",
		"node-id: [a]\n":                        ":1: node-id must be a text",
		"max-conns: 0\n":                        ":1: max-conns must be a whole number of at least 1",
		"max-conns: \"10\"\n":                   ":1: max-conns must be a whole number, without quotes",
		"max-conns: 1.5\n":                      ":1: max-conns must be a whole number",
		"max-conns: 99999999999999999999\n":     ":1: max-conns must be a whole number",
		"drain-timeout: 3\n":                    ":1: drain-timeout needs a unit, such as 500ms",
		"heartbeat-timeout: 0.5\n":              ":1: heartbeat-timeout needs a unit, such as 500ms",
		"request-timeout: true\n":               ":1: request-timeout must be a text, such as 15s",
		"drain-timeout: 6s\n":                   ":1: drain-timeout must be a duration from 1ms to 5s",
		"join: 10.0.0.1:7400\n":                 ":1: join must be a list",
		"join: []\n":                            ":1: join must be a list",
		"insecure: \"true\"\n":                  ":1: insecure must be true or false, without quotes",
		"join: [1]\n":                           ":1: join must be a list of texts",
		"join:\n  - a:1\n  - nowhere:x\n":       `"nowhere:x" is not`,
		"join:\n  a: 1\n":                       ":1: join must be a list",
		"data-dir: &d /x\nnode-id: *d\n":        ":2: node-id must be a text",
		"- node-id\n":                           ":1: the file must contain settings",
		"just a text\n":                         ":1: the file must contain settings",
		"node-id: a\n\tdata-dir: b\n":           ": this is not valid YAML: ",
		"node-id: 'a\n":                         ": this is not valid YAML: ",
		"bootstrap-expect: 3\n":                 "also needs --join",
	} {
		path := fileWith(t, text)
		for _, verb := range []string{"server", "config show"} {
			r := command("", append(strings.Fields(verb), "--config", path)...)
			if r.code != exitUsage || !strings.Contains(r.errOut, want) || (want[0] == ':' && !strings.Contains(r.errOut, path+":")) {
				t.Errorf("%s of %q: exit %d, want %q: %s", verb, text, r.code, want, r.errOut)
			}
		}
	}
	if r := command("", "server", "--config", "/nowhere/lockd.yaml"); r.code != exitUsage || !strings.Contains(r.errOut, "/nowhere/lockd.yaml: no such file") {
		t.Errorf("exit %d: %s", r.code, r.errOut)
	}
	r := command("", "server", "--config", fileWith(t, "max-conns: 0\nnode_id: a\n"))
	if !strings.Contains(r.errOut, ":1: max-conns") || !strings.Contains(r.errOut, ":2: unknown setting") {
		t.Errorf("not all errors are reported: %s", r.errOut)
	}
}
