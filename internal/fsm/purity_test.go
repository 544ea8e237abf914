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
		"slices", "strings", "unicode", "unicode/utf8", "github.com/tidwall/btree",
		"github.com/lockd/lockd/internal/fsm/wire", "github.com/lockd/lockd/internal/access",
	}
}

func source(t *testing.T) (*token.FileSet, []*ast.File) {
	t.Helper()
	set := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	below, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	names = append(names, below...)
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
	if len(files) < 10 {
		t.Fatalf("only %d files were found", len(files))
	}
	return set, files
}

func TestImportsArePure(t *testing.T) {
	set, files := source(t)
	for _, f := range files {
		for _, i := range f.Imports {
			if path, _ := strconv.Unquote(i.Path.Value); !slices.Contains(pure(), path) {
				t.Errorf("%s: fsm may not import %s", set.Position(i.Pos()), path)
			}
		}
	}
}

// An outcome must not depend on the scheduler or on the order of a map.
func TestMachineStartsNothingAndIteratesOverNoMap(t *testing.T) {
	set, files := source(t)
	info := &types.Info{Types: make(map[ast.Expr]types.TypeAndValue)}
	ranges := 0
	// Imports are not resolved: a map of the machine's own is known without them.
	config := types.Config{Importer: nowhere{}, Error: func(error) {}}
	_, _ = config.Check("fsm", set, files, info)
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
	if ranges == 0 {
		t.Error("no loop was seen")
	}
}

type nowhere struct{}

func (nowhere) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, path[strings.LastIndex(path, "/")+1:])
	p.MarkComplete()
	return p, nil
}
