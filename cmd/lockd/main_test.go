package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lockd/lockd/lockdtest"
)

// TestMain lets tests and scripts run this program as lockd.
func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"lockd": main}) }

// patience is how long a test waits for a condition.
const patience = time.Minute

// TestScripts runs testdata/scripts with real processes and one node for each script. In addition
// to the commands of testscript there is `until FILE`, which waits for a file.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/scripts",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			node := lockdtest.Start(env.T().(testing.TB))
			env.Setenv("LOCKD_ADDR", node.Address)
			env.Setenv("DATA", node.DataDir)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"until": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 {
					ts.Fatalf("want until FILE")
				}
				if !awaitFile(ts.MkAbs(args[0])) {
					ts.Fatalf("there is no %s", args[0])
				}
			},
		},
	})
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// awaitFile waits until a file exists, and reports whether it does.
func awaitFile(path string) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if matches, _ := filepath.Glob(path); len(matches) > 0 {
			return true
		}
	}
	_, err := os.Stat(path)
	return err == nil
}
