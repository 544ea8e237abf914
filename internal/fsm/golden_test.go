package fsm

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the stories' outcomes")

// TestStories runs testdata/*.txt. A story is lines of input, each followed by
// its whole outcome, indented: the result, the events, the timers and the
// grants. Everything that the machine says is there to be read.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			old, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			told := tell(t, old)
			if *update {
				if err := os.WriteFile(file, told, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(old), "\n"), strings.Split(string(told), "\n")); diff != "" {
				t.Errorf("the story ends otherwise (-want +got); -update rewrites it:\n%s", diff)
			}
		})
	}
}

// tell runs a story's input and returns it with its outcomes.
func tell(t *testing.T, story []byte) []byte {
	var out bytes.Buffer
	s := &stage{t: t, m: New()}
	for line := range strings.Lines(string(story)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "  ") {
			continue
		}
		out.WriteString(line + "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		for _, lines := range s.run(line) {
			out.WriteString("  " + lines + "\n")
		}
	}
	return out.Bytes()
}
