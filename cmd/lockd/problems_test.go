package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestProblemPagesNameCommandsThatExist checks each command on a problem page: its name, its flags,
// and the number of its arguments.
func TestProblemPagesNameCommandsThatExist(t *testing.T) {
	paths, err := filepath.Glob("../../internal/api/problems/*.md")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	command := regexp.MustCompile("`(lockd [^`]*)`")
	found := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range command.FindAllStringSubmatch(string(text), -1) {
			found++
			line := strings.NewReplacer("--token T", "--token 7", "RIGHT:SCOPE", "read:*").Replace(m[1])
			root, _ := newRootCommand(&cli{})
			cmd, args, err := root.Find(strings.Fields(line)[1:])
			if err == nil {
				err = cmd.ParseFlags(args)
			}
			if err == nil {
				err = cmd.ValidateArgs(cmd.Flags().Args())
			}
			if err == nil {
				err = cmd.ValidateRequiredFlags()
			}
			if err != nil || !cmd.Runnable() {
				t.Errorf("%s: %s: %v", filepath.Base(path), m[1], err)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d commands were found", found)
	}
}
