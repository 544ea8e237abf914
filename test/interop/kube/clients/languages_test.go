package clients

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLanguages runs the tests of other languages. Each is a program that gets the URLs of the nodes, and fails by
// itself.
func TestLanguages(t *testing.T) {
	t.Parallel()
	cluster := startThree(t)
	interop, installed := filepath.Join(root, "test", "interop"), got(filepath.Abs(filepath.Join(root, "bin", "interop")))(t)
	for _, language := range []struct {
		name    string
		program []string
		script  string // copied to the directory of its packages
	}{
		{"python", []string{"python/bin/python", "python/interop.py"}, "interop.py"},
		{"java", []string{"java", "-cp", "java/classes:java/lib/*", "Interop"}, ""},
		{"node", []string{"node/node_modules/node/bin/node", "node/interop.mjs"}, "interop.mjs"},
	} {
		t.Run(language.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(installed, language.name)
			if _, err := os.Stat(dir); err != nil {
				missing(t, "bin/interop/"+language.name+" is missing: run `make interop`")
			}
			if language.script != "" {
				text := got(os.ReadFile(filepath.Join(interop, language.name, language.script)))(t)
				must(t, os.WriteFile(filepath.Join(dir, language.script), text, 0o600))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			args := language.program[1:]
			for _, n := range cluster.Nodes {
				args = append(args, n.URL(""))
			}
			program := language.program[0]
			if strings.Contains(program, "/") {
				program = filepath.Join(installed, program)
			}
			cmd := exec.CommandContext(ctx, program, args...)
			cmd.Dir = installed
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}
