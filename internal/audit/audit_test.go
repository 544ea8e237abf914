package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func lines(t *testing.T, path string) (all []Record) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		var r Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

func TestLogIsWrittenAndReopened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l, err := Open(Config{Path: path, Node: func() string { return "n1" }})
	if err != nil {
		t.Fatal(err)
	}
	write := func(action string) {
		if err := l.Write(Record{Action: action, Decision: Allow, Auth: "none"}); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write("two")
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	write("three")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	old, now := lines(t, path+".1"), lines(t, path)
	if len(old) != 2 || len(now) != 1 || now[0].Seq != 3 || now[0].Node != "n1" || now[0].Time.IsZero() {
		t.Errorf("%+v, then %+v", old, now)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Path: path}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestLostLineIsReported(t *testing.T) {
	var out bytes.Buffer
	l, err := Open(Config{Path: "-", Stdout: &out})
	if err != nil || l.Write(Record{Action: "one"}) != nil || !strings.HasSuffix(out.String(), "}\n") {
		t.Errorf("%q, %v", out.String(), err)
	}
	l.out = full{}
	if l.Write(Record{}) == nil {
		t.Error("a line that was not written is not reported")
	}
	if _, err := Open(Config{Path: t.TempDir()}); err == nil {
		t.Error("a directory is opened")
	}
}
