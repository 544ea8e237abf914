package lockd_test

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
		imports[in] = slices.Clip(imports[in])
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
		".":                         {},
		"internal/access":           {"internal/fsm/wire"},
		"internal/pki":              {},
		"internal/audit":            {},
		"internal/auth":             {"internal/access"},
		"internal/fsm":              {"internal/access"},
		"internal/fsm/lease":        {"internal/access", "internal/fsm/wire"},
		"internal/fsm/wire":         {},
		"internal/leader":           {"internal/access", "internal/fsm"},
		"internal/agent":            {"clients/go", "internal/hosts"},
		"internal/run":              {"internal/console", "clients/go"},
		"internal/run/guard":        {},
		"internal/config":           {"internal/app", "internal/cluster", "internal/console", "internal/discovery", "internal/fsm", "internal/hosts", "internal/loglevel", "internal/spelling", "internal/tracing/otlp"},
		"internal/connect":          {"internal/config", "clients/go"},
		"internal/console":          {},
		"internal/console/access":   {"internal/access", "internal/console", "clients/go"},
		"internal/console/board":    {"internal/console", "clients/go"},
		"internal/console/cells":    {"internal/console", "clients/go"},
		"internal/console/failure":  {"internal/console", "clients/go"},
		"internal/console/leases":   {"internal/console", "clients/go"},
		"internal/console/refusal":  {"internal/console", "clients/go"},
		"internal/console/suggest":  {"internal/console", "clients/go"},
		"internal/console/top":      {"internal/console", "clients/go"},
		"internal/console/waiting":  {"internal/console", "clients/go"},
		"internal/console/live":     {"internal/console"},
		"internal/console/members":  {"internal/console", "clients/go"},
		"internal/hosts":            {},
		"internal/load":             {},
		"internal/load/leases":      {"internal/load", "clients/go"},
		"internal/load/report":      {"internal/load", "internal/console"},
		"internal/memory":           {},
		"internal/kube":             {"internal/access", "internal/fsm"},
		"internal/kube/accept":      {},
		"internal/kube/discovery":   {"internal/kube/accept", "internal/kube/patch", "internal/kube/resource", "internal/kube/schema", "internal/kube/selector", "internal/kube/status", "internal/kube/table", "internal/kube/tree", "internal/kube/validate"},
		"internal/kube/patch":       {"internal/kube/accept", "internal/kube/discovery", "internal/kube/resource", "internal/kube/schema", "internal/kube/selector", "internal/kube/status", "internal/kube/table", "internal/kube/tree", "internal/kube/validate"},
		"internal/kube/resource":    {},
		"internal/kube/schema":      {"internal/kube/accept", "internal/kube/discovery", "internal/kube/patch", "internal/kube/resource", "internal/kube/selector", "internal/kube/status", "internal/kube/table", "internal/kube/tree", "internal/kube/validate"},
		"internal/kube/selector":    {"internal/kube/accept", "internal/kube/discovery", "internal/kube/patch", "internal/kube/resource", "internal/kube/schema", "internal/kube/status", "internal/kube/table", "internal/kube/tree", "internal/kube/validate"},
		"internal/kube/status":      {"internal/kube/accept", "internal/kube/discovery", "internal/kube/patch", "internal/kube/resource", "internal/kube/schema", "internal/kube/selector", "internal/kube/table", "internal/kube/tree", "internal/kube/validate"},
		"internal/kube/table":       {"internal/kube/accept", "internal/kube/discovery", "internal/kube/patch", "internal/kube/resource", "internal/kube/schema", "internal/kube/selector", "internal/kube/status", "internal/kube/tree", "internal/kube/validate"},
		"internal/kube/tree":        {},
		"internal/kube/validate":    {"internal/kube/accept", "internal/kube/discovery", "internal/kube/patch", "internal/kube/resource", "internal/kube/schema", "internal/kube/selector", "internal/kube/status", "internal/kube/table", "internal/kube/tree"},
		"internal/kubeconfig":       {},
		"internal/spelling":         {},
		"internal/watch":            {"internal/fsm"},
		"internal/loglevel":         {},
		"internal/raftlog":          {},
		"internal/tracing":          {},
		"internal/tracing/otlp":     {"internal/tracing"},
		"internal/raftmetrics":      {},
		"internal/discovery":        {},
		"internal/transport":        {"internal/raftlog"},
		"internal/storage":          {"internal/fsm", "internal/raftlog"},
		"internal/cluster/counters": {"internal/fsm"},
		"internal/cluster/replies":  {"internal/fsm"},
		"internal/cluster":          {"internal/cluster/counters", "internal/cluster/replies", "internal/access", "internal/fsm", "internal/transport", "internal/leader", "internal/raftlog", "internal/storage", "internal/discovery", "internal/tracing"},
		"internal/api":              {"internal/access", "internal/audit", "internal/auth", "internal/fsm", "internal/hosts", "internal/kube", "internal/loglevel", "internal/spelling", "internal/tracing", "."},
		"internal/app":              {"internal/access", "internal/audit", "internal/auth", "internal/fsm", "internal/watch", "internal/cluster", "internal/discovery", "internal/api", "internal/hosts", "internal/loglevel", "internal/pki", "internal/tracing", "."},
		"cmd/lockd":                 {"internal/access", "internal/app", "internal/config", "internal/connect", "internal/console", "internal/fsm", "internal/cluster", "internal/discovery", "internal/storage", "internal/load", "internal/memory", "internal/pki", "internal/agent", "internal/run", "internal/hosts", "internal/kubeconfig", "internal/loglevel", "internal/raftmetrics", "clients/go", "."},
		"clients":                   {"clients"},
		"lockdtest":                 {"internal/app", "clients/go"},
		"test/harness":              {"internal/app", "internal/pki"},
		"test/history":              {"internal/fsm"},
		"test/proof":                {"internal/access", "internal/app", "internal/fsm", "internal/leader", "test/harness", "test/history"},
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
		if owner == "" && within(in, "internal") {
			t.Errorf("%s has no rule", in)
		}
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

// TestEachLibraryHasOneOwner checks that few packages import each large dependency.
func TestEachLibraryHasOneOwner(t *testing.T) {
	owners := map[string][]string{
		"github.com/hashicorp/raft":        {"internal/cluster", "internal/storage", "internal/transport"},
		"github.com/hashicorp/raft-boltdb": {"internal/storage"},
		"github.com/hashicorp/go-hclog":    {"internal/raftlog"},
		"go.etcd.io/bbolt":                 {"internal/storage"},
		"github.com/go-chi/chi":            {"internal/api"},
		"github.com/spf13/cobra":           {"cmd/lockd"},
		"github.com/coreos/go-systemd":     {"internal/run"},
		"golang.org/x/term":                {"internal/console"},
		"github.com/yuin/goldmark":         {"internal/api/pages", "internal/api/reference"},
		"github.com/evanphx/json-patch":    {"internal/kube/patch"},
		"github.com/tidwall/btree":         {"internal/access", "internal/fsm"},
		"go.opentelemetry.io/otel":         {"internal/tracing"},
		"go.opentelemetry.io/otel/sdk":     {"internal/tracing/otlp"},
		"github.com/HdrHistogram":          {"internal/load"},
	}
	used := make(map[string]bool)
	for in, names := range imported(t) {
		for _, name := range names {
			for library, packages := range owners {
				if !within(name, library) {
					continue
				}
				used[library] = true
				if !slices.ContainsFunc(packages, func(owner string) bool { return within(in, owner) }) {
					t.Errorf("%s may not import %s: only %s may", in, name, strings.Join(packages, ", "))
				}
			}
		}
	}
	for library := range owners {
		if !used[library] {
			t.Errorf("no package imports %s: remove its rule", library)
		}
	}
}

// TestLeaderIsPure: package leader receives the time and starts nothing, so that a
// simulator can run what a node runs. (fsm has a stricter test of its own.)
func TestLeaderIsPure(t *testing.T) {
	files, err := filepath.Glob("internal/leader/*.go")
	if err != nil {
		t.Fatal(err)
	}
	// A lock has no effect on the result. All else of package sync lets something run or wait.
	allowed := func(pkg, name string) bool {
		switch pkg {
		case "time":
			return slices.Contains([]string{"Duration", "Hour", "Minute", "Second", "Millisecond", "Microsecond"}, name)
		case "sync":
			return name == "Mutex"
		case "fmt":
			return name == "Errorf"
		}
		return true
	}
	checked := 0
	for _, path := range files {
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
			case "cmp", "container/heap", "errors", "fmt", "maps", "slices", "strings", "sync", "sync/atomic", "time", module + "/internal/access", module + "/internal/fsm":
			default:
				t.Errorf("%s may not import %s", path, name)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt, *ast.SelectStmt:
				t.Errorf("%s: no goroutine and no select", set.Position(n.Pos()))
			case *ast.SelectorExpr:
				if on, ok := n.X.(*ast.Ident); ok && !allowed(on.Name, n.Sel.Name) {
					t.Errorf("%s: %s.%s is not pure", set.Position(n.Pos()), on.Name, n.Sel.Name)
				}
			}
			return true
		})
	}
	if checked < 8 {
		t.Errorf("only %d files were found", checked)
	}
}

// budgets bound what a reader has to keep in mind.
var budgets = map[string]int{
	"lines of a package":  3_000, // of code: blank lines, comments and tests are not counted
	"fields of a struct":  15,
	"methods of a type":   40,
	"lines of a function": 80,
}

// exceptions are above a budget, with their present figures. They only shrink: lower a
// figure when the code does, and remove it when the budget holds.
var exceptions = map[string]map[string]int{
	"fields of a struct": {
		"internal/app.Config": 23, "internal/cluster.Config": 16,
	},
}

// TestCodeIsWithinItsBudgets holds the packages below internal and cmd to the budgets.
func TestCodeIsWithinItsBudgets(t *testing.T) {
	figures := measure(t, "internal", "cmd")
	for budget, most := range budgets {
		for name, n := range figures[budget] {
			switch allowed, known := exceptions[budget][name]; {
			case !known && n > most:
				t.Errorf("%s: %d %s, the budget is %d", name, n, budget, most)
			case known && n > allowed:
				t.Errorf("%s: %d %s, its exception is %d", name, n, budget, allowed)
			}
		}
		for name := range exceptions[budget] {
			if figures[budget][name] <= most {
				t.Errorf("%s: %d %s: remove its exception", name, figures[budget][name], budget)
			}
		}
	}
	if figures["lines of a package"]["internal/fsm"] == 0 || figures["methods of a type"]["internal/leader.Term"] == 0 {
		t.Error("the code was not found")
	}
}

// measure returns the figures of all code below some directories, by budget and name.
func measure(t *testing.T, dirs ...string) map[string]map[string]int {
	t.Helper()
	figures := make(map[string]map[string]int)
	for budget := range budgets {
		figures[budget] = make(map[string]int)
	}
	visit := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, raw, 0)
		if err != nil {
			return err
		}
		in := filepath.ToSlash(filepath.Dir(path))
		figures["lines of a package"][in] += codeLines(raw)
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				name := in + "." + n.Name.Name
				if n.Recv != nil {
					figures["methods of a type"][in+"."+receiver(n)]++
					name = in + "." + receiver(n) + "." + n.Name.Name
				}
				figures["lines of a function"][name] = set.Position(n.End()).Line - set.Position(n.Pos()).Line + 1
			case *ast.TypeSpec:
				if s, ok := n.Type.(*ast.StructType); ok {
					figures["fields of a struct"][in+"."+n.Name.Name] = s.Fields.NumFields()
				}
			}
			return true
		})
		return nil
	}
	for _, dir := range dirs {
		if err := filepath.WalkDir(dir, visit); err != nil {
			t.Fatal(err)
		}
	}
	return figures
}

// codeLines counts the lines with code.
func codeLines(raw []byte) int {
	set := token.NewFileSet()
	file := set.AddFile("", set.Base(), len(raw))
	var s scanner.Scanner
	s.Init(file, raw, nil, 0)
	lines := make(map[int]bool)
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			return len(lines)
		}
		if tok == token.SEMICOLON && text == "\n" {
			continue
		}
		first := file.Line(pos)
		for line := first; line <= first+strings.Count(text, "\n"); line++ {
			lines[line] = true
		}
	}
}

// receiver returns the name of the type that a method is of.
func receiver(f *ast.FuncDecl) string {
	of := f.Recv.List[0].Type
	if p, ok := of.(*ast.StarExpr); ok {
		of = p.X
	}
	if generic, ok := of.(*ast.IndexExpr); ok {
		of = generic.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}
