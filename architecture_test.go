package lockd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/lockd/lockd"

// imported returns the imports of each package below the root, without its tests. The key is the package's path from
// the root.
func imported(t *testing.T) map[string][]string {
	t.Helper()
	imports := make(map[string][]string)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != ".":
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		in := filepath.ToSlash(filepath.Dir(path))
		for _, i := range f.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			imports[in] = append(imports[in], name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports
}

// within reports whether path is of or below it.
func within(path, of string) bool { return path == of || strings.HasPrefix(path, of+"/") }

// TestPackagesImportOnlyWhatIsAllowed checks the import rules: fsm imports no other package, the packages around it
// import fsm and never each other, and app connects them.
func TestPackagesImportOnlyWhatIsAllowed(t *testing.T) {
	// The packages of this module that a package may import. A name includes all packages below it.
	allowed := map[string][]string{
		".":                      {},
		"internal/fsm":           {},
		"internal/expiry":        {"internal/fsm"},
		"internal/agent":         {"clients/go", "internal/hosts"},
		"internal/guard":         {},
		"internal/hosts":         {},
		"internal/load":          {},
		"internal/watch":         {"internal/fsm"},
		"internal/cluster":       {"internal/fsm", "internal/cluster/peer", "internal/cluster/reign"},
		"internal/cluster/peer":  {},
		"internal/cluster/reign": {"internal/fsm"},
		"internal/api":           {"internal/fsm", "internal/hosts", "."},
		"internal/app":           {"internal/fsm", "internal/expiry", "internal/watch", "internal/cluster", "internal/api", "internal/hosts", "."},
		"cmd/lockd":              {"internal/app", "internal/fsm", "internal/cluster", "internal/load", "internal/agent", "internal/guard", "internal/hosts", "clients/go", "."},
		"clients":                {"clients"},
		"lockdtest":              {"internal/app", "clients/go"},
	}
	// ruleOf returns the entry of allowed that applies to a package.
	ruleOf := func(in string) (string, []string) {
		for at := in; ; at = filepath.ToSlash(filepath.Dir(at)) {
			if rules, ok := allowed[at]; ok && (at != "." || in == ".") {
				return at, rules
			}
			if at == "." {
				return "", nil
			}
		}
	}
	seen := make(map[string]bool)
	for in, names := range imported(t) {
		owner, rules := ruleOf(in)
		seen[owner] = true
		for _, name := range names {
			if !within(name, module) || owner == "" {
				continue
			}
			own := strings.TrimPrefix(strings.TrimPrefix(name, module), "/")
			if own == "" {
				own = "."
			}
			ok := within(own, owner) && owner != "." && owner != "internal/cluster"
			for _, rule := range rules {
				ok = ok || within(own, rule)
			}
			if !ok {
				t.Errorf("%s may not import %s", in, name)
			}
		}
	}
	for owner := range allowed {
		if !seen[owner] {
			t.Errorf("%s does not exist: update this list if it has moved", owner)
		}
	}
}

// TestEachLibraryHasOneOwner checks that one package imports each large dependency.
func TestEachLibraryHasOneOwner(t *testing.T) {
	owners := map[string]string{
		"github.com/hashicorp/raft":        "internal/cluster",
		"github.com/hashicorp/raft-boltdb": "internal/cluster",
		"go.etcd.io/bbolt":                 "internal/cluster",
		"github.com/go-chi/chi":            "internal/api",
		"github.com/spf13/cobra":           "cmd/lockd",
		"github.com/yuin/goldmark":         "internal/api",
		"github.com/tidwall/btree":         "internal/fsm",
		"github.com/HdrHistogram":          "internal/load",
	}
	used := make(map[string]bool)
	for in, names := range imported(t) {
		for _, name := range names {
			for library, owner := range owners {
				if !within(name, library) {
					continue
				}
				used[library] = true
				if !within(in, owner) {
					t.Errorf("%s may not import %s: only %s may", in, name, owner)
				}
			}
		}
	}
	for library, owner := range owners {
		if !used[library] && library != "github.com/hashicorp/raft-boltdb" {
			t.Errorf("no package imports %s: remove its owner %s from this list", library, owner)
		}
	}
}

// TestDecisionsOfALeaderArePure checks that the decisions of a leader get the time as an argument and start no
// goroutine, so that a simulator can drive the same code. A test of fsm checks more for the machine.
func TestDecisionsOfALeaderArePure(t *testing.T) {
	files, err := filepath.Glob("internal/cluster/reign/*.go")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, path := range append(files, "internal/expiry/book.go") {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		checked++
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			switch name, _ := strconv.Unquote(i.Path.Value); name {
			case "cmp", "container/heap", "maps", "slices", "strings", "time", module + "/internal/fsm":
			default:
				t.Errorf("%s may not import %s", path, name)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt, *ast.SelectStmt:
				t.Errorf("%s: no goroutine and no select is allowed here", set.Position(n.Pos()))
			case *ast.SelectorExpr:
				if on, ok := n.X.(*ast.Ident); ok && on.Name == "time" && !strings.Contains("Duration Hour Minute Second Millisecond Microsecond", n.Sel.Name) {
					t.Errorf("%s: time.%s is not allowed here: pass the time as an argument", set.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
	if checked < 8 {
		t.Errorf("only %d files were found", checked)
	}
}
