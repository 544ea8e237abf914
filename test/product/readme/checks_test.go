package readme

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// limits returns the limits of the state machine. Those of the values are in the file of package lease.
func limits(t *testing.T) map[string]string {
	t.Helper()
	const fsm = "internal/fsm"
	known := make(packages)
	for _, path := range []string{fsm + "/lease", fsm} {
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, filepath.Join(root, path, "limits.go"), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		config := types.Config{Importer: known}
		path = "github.com/lockd/lockd/" + path
		if known[path], err = config.Check(path, files, []*ast.File{f}, nil); err != nil {
			t.Fatal(err)
		}
	}
	pkg := known["github.com/lockd/lockd/"+fsm]
	all := make(map[string]string)
	for _, name := range pkg.Scope().Names() {
		if c, ok := pkg.Scope().Lookup(name).(*types.Const); ok && c.Exported() {
			all[name] = constant.ToInt(c.Val()).ExactString()
		}
	}
	return all
}

// packages imports the packages that were checked before.
type packages map[string]*types.Package

func (known packages) Import(path string) (*types.Package, error) {
	if p, ok := known[path]; ok {
		return p, nil
	}
	return nil, fmt.Errorf("limits.go imports %s", path)
}

var shownLimit = regexp.MustCompile("(?m)^\\| `([A-Z][A-Za-z]+)` \\| (-?[0-9,]+)")

func TestLimitsMatchTheStateMachine(t *testing.T) {
	real := limits(t)
	shown := make(map[string]string)
	for _, m := range shownLimit.FindAllStringSubmatch(read(t, root+"/docs/operations.md"), -1) {
		shown[m[1]] = strings.ReplaceAll(m[2], ",", "")
	}
	for name, value := range real {
		if shown[name] != value {
			t.Errorf("docs/operations.md shows %s as %q, but it is %s", name, shown[name], value)
		}
	}
	for name := range shown {
		if _, ok := real[name]; !ok {
			t.Errorf("docs/operations.md shows %s, which internal/fsm/limits.go does not have", name)
		}
	}
}

func documents(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(root + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"/docs/*.md", "/docs/adr/*.md"} {
		more, err := filepath.Glob(root + pattern)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, more...)
	}
	return paths
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinkTargetsExist checks the target of every relative link, including its heading.
func TestLinkTargetsExist(t *testing.T) {
	for _, path := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, path), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			to, heading, _ := strings.Cut(m[1], "#")
			target := path
			if to != "" {
				target = filepath.Join(filepath.Dir(path), to)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", path, m[1], err)
			} else if heading != "" && !slices.Contains(headings(read(t, target)), heading) {
				t.Errorf("%s links to %s: there is no such heading", path, m[1])
			}
		}
	}
}

var notInAnchor = regexp.MustCompile(`[^a-z0-9 _-]`)

// headings returns the anchors of a document's headings, as GitHub forms them.
func headings(text string) (all []string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			h := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
			all = append(all, strings.ReplaceAll(notInAnchor.ReplaceAllString(h, ""), " ", "-"))
		}
	}
	return all
}

var goBlock = regexp.MustCompile("(?s)```go\n(package main\n.*?)```")

// TestGoExamplesCompile compiles each program in the README.
func TestGoExamplesCompile(t *testing.T) {
	programs := goBlock.FindAllStringSubmatch(read(t, document), -1)
	if len(programs) == 0 {
		t.Fatal("the README shows no program")
	}
	for _, p := range programs {
		path := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(path, []byte(p[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		build := exec.Command("go", "build", "-o", os.DevNull, path)
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// TestShownJSONIsValid unfolds and parses every JSON object in the documents.
func TestShownJSONIsValid(t *testing.T) {
	for path := range stories {
		blocks, err := parse(read(t, path))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks {
			for _, s := range b.steps {
				for _, line := range s.output {
					line = strings.TrimPrefix(line, "data: ")
					if strings.HasPrefix(line, "{") && !json.Valid([]byte(line)) {
						t.Errorf("%s, the block at line %d: invalid JSON: %s", path, b.line, line)
					}
				}
			}
		}
	}
}
