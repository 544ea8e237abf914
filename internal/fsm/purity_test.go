package fsm

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pure returns the packages that the machine may import: none with a clock, a socket, a
// disk, a lock, a log or randomness.
func pure() []string {
	return []string{
		"bufio", "cmp", "crypto/sha256", "encoding/base64", "encoding/binary", "encoding/hex", "errors", "fmt", "hash", "hash/crc32", "io",
		"slices", "strconv", "strings", "unicode", "unicode/utf8", "github.com/tidwall/btree",
		"github.com/lockd/lockd/internal/access",
	}
}

// below returns what each package of the machine may import of the others, lowest first.
func below() []machinePackage {
	const fsm = "github.com/lockd/lockd/internal/fsm"
	return []machinePackage{
		{path: fsm + "/wire", dir: "wire"},
		{path: fsm + "/lease", dir: "lease", imports: []string{fsm + "/wire"}},
		{path: fsm + "/document", dir: "document", imports: []string{fsm + "/wire", fsm + "/lease"}},
		{path: fsm + "/outcome", dir: "outcome", imports: []string{fsm + "/wire", fsm + "/lease", fsm + "/document"}},
		{path: fsm, dir: ".", imports: []string{fsm + "/wire", fsm + "/lease", fsm + "/document", fsm + "/outcome"}},
	}
}

type machinePackage struct {
	path, dir string
	imports   []string
}

func (p machinePackage) source(t *testing.T) (*token.FileSet, []*ast.File) {
	t.Helper()
	set := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(p.dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if len(files) < 3 {
		t.Fatalf("%s: only %d files were found", p.path, len(files))
	}
	return set, files
}

func TestImportsArePure(t *testing.T) {
	for _, p := range below() {
		set, files := p.source(t)
		for _, f := range files {
			for _, i := range f.Imports {
				if path, _ := strconv.Unquote(i.Path.Value); !slices.Contains(pure(), path) && !slices.Contains(p.imports, path) {
					t.Errorf("%s: %s may not import %s", set.Position(i.Pos()), p.path, path)
				}
			}
		}
	}
	dirs, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range dirs {
		if !slices.ContainsFunc(below(), func(p machinePackage) bool { return p.dir == filepath.Dir(name) }) {
			t.Errorf("%s: its package has no rule", name)
		}
	}
}

// An outcome must not depend on the scheduler or on the order of a map.
func TestMachineStartsNothingAndIteratesOverNoMap(t *testing.T) {
	known := make(packages)
	for _, p := range below() {
		set, files := p.source(t)
		info := &types.Info{Types: make(map[ast.Expr]types.TypeAndValue)}
		config := types.Config{Importer: known, Error: func(error) {}}
		known[p.path], _ = config.Check(p.path, set, files, info)
		ranges := 0
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt, *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
					t.Errorf("%s: the machine must not use goroutines or channels", set.Position(n.Pos()))
				case *ast.RangeStmt:
					ranges++
					if of := info.TypeOf(n.X); of != nil {
						if _, walked := of.Underlying().(*types.Map); walked {
							t.Errorf("%s: the machine must not iterate over a map", set.Position(n.Pos()))
						}
					}
				case *ast.FuncDecl:
					if n.Name.Name == "init" && n.Recv == nil {
						t.Errorf("%s: the machine must not have an init function", set.Position(n.Pos()))
					}
				}
				return true
			})
		}
		if ranges == 0 && p.dir != "wire" {
			t.Errorf("%s: no loop was seen", p.path)
		}
	}
}

// packages imports the packages of the machine. Others are empty: a map of the machine's own
// is known without them.
type packages map[string]*types.Package

func (known packages) Import(path string) (*types.Package, error) {
	if p, ok := known[path]; ok {
		return p, nil
	}
	p := types.NewPackage(path, path[strings.LastIndex(path, "/")+1:])
	p.MarkComplete()
	return p, nil
}
