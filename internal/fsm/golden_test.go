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

// TestStories runs testdata/*.txt. A story is lines of input, each followed by its whole
// outcome, indented: the result, the events, the timers and the grants.
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
			got := runStory(t, old)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(old), "\n"), strings.Split(string(got), "\n")); diff != "" {
				t.Errorf("outcomes differ (-want +got); -update rewrites the story:\n%s", diff)
			}
		})
	}
}

// runStory runs the input of a story and returns it with the outcomes.
func runStory(t *testing.T, story []byte) []byte {
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
		for _, outcome := range s.run(line) {
			out.WriteString("  " + outcome + "\n")
		}
	}
	return out.Bytes()
}
