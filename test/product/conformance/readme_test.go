package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lockd/lockd/test/harness/nodes"
)

// TestReadmeProgramsRun runs the program that the README shows for each client. Only the addresses
// are replaced.
func TestReadmeProgramsRun(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	c := nodes.StartThree(t)
	known := languages(t)
	for _, language := range strings.Split(*clients, ",") {
		shown, ok := programs[language]
		if !ok {
			continue // asyncio: the README shows the threaded client
		}
		t.Run(language, func(t *testing.T) {
			found := regexp.MustCompile("(?s)```" + shown.fence + "\n(.*?)```").FindSubmatch(readme)
			if found == nil {
				t.Fatalf("the README has no %s block", shown.fence)
			}
			text := string(found[1])
			for i, port := range []string{"7400", "7410", "7420"} {
				text = strings.ReplaceAll(text, "127.0.0.1:"+port, c.Nodes[i].HTTP)
			}
			dir := shown.dir(t)
			path := filepath.Join(dir, shown.file)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(path)
			cmd := exec.Command(known[language][0], append(shown.args(known[language]), path)...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "reporting with token ") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// A program describes how to run a block of the README.
type program struct {
	fence, file string
	dir         func(*testing.T) string // directory from which the client can be imported
	args        func(driver []string) []string
}

func nothing([]string) []string { return nil }

func temporary(t *testing.T) string { return t.TempDir() }

var programs = map[string]program{
	"go": {"go", "main.go", func(t *testing.T) string {
		dir, err := os.MkdirTemp(filepath.Join(root, "clients/go/internal"), "readme-*")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		dir, err = filepath.Abs(dir)
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}, func([]string) []string { return []string{"run"} }},
	"python": {"python", "report.py", temporary, nothing},
	"node":   {"js", "report.mjs", func(*testing.T) string { return os.Getenv("CONFORMANCE_NODE") }, nothing},
	"java":   {"java", "Report.java", temporary, func(driver []string) []string { return driver[1:3] }},
}
