package upgrade

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lockd/lockd/test/harness/nodes"
)

// The two versions of these tests: the present source, and the next version.
var (
	present = sync.OnceValues(func() (string, error) { return build("lockd") })
	next    = sync.OnceValues(func() (string, error) { return build("lockd-next", nextVersion...) })
)

var binaries = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "lockd-upgrade-*") })

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := binaries(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// An edit changes one place of a source file.
type edit struct{ file, old, new string }

// nextVersion is a format change as a next version could make it: a note that an acquire carries, that tickets,
// holds, the log and snapshots store, and that reads return. The next version is built from these edits, so that the
// source contains nothing that only a test uses. If an edit no longer matches the source, update the edit.
var nextVersion = []edit{
	{"internal/fsm/version.go", "const EntryVersion = 4\n", "const EntryVersion = 5\n"},

	{"internal/fsm/acquire.go", "\tSent uint64\n}\n", "\tSent uint64\n\tNote string\n}\n"},
	{"internal/fsm/acquire.go", "\t\te.String(c.Attempt)\n\t}\n", "\t\te.String(c.Attempt)\n\t}\n\tif e.requires(5, c.Note != \"\") {\n\t\te.String(c.Note)\n\t}\n"},
	{"internal/fsm/acquire.go", "\t\tc.Attempt = d.String(MaxAttemptBytes)\n\t}\n", "\t\tc.Attempt = d.String(MaxAttemptBytes)\n\t}\n\tif d.Since(5) {\n\t\tc.Note = d.String(MaxMetaBytes)\n\t}\n"},
	{"internal/fsm/acquire.go", "\treturn &Ticket{\n", "\treturn &Ticket{Note: c.Note,\n"},

	{"internal/fsm/lease/ticket.go", "type Ticket struct {\n", "type Ticket struct {\n\tNote string\n"},
	{"internal/fsm/lease/hold.go", "type Hold struct {\n", "type Hold struct {\n\tNote string\n"},
	{"internal/fsm/grant.go", "\th := &Hold{\n", "\th := &Hold{Note: t.Note,\n"},

	{"internal/fsm/lease/codec.go", "\t\te.String(h.Principal)\n\t}\n", "\t\te.String(h.Principal)\n\t}\n\tif e.Since(5) {\n\t\te.String(h.Note)\n\t}\n"},
	{"internal/fsm/lease/codec.go", "\treturn h\n}\n", "\tif d.Since(5) {\n\t\th.Note = d.String(MaxMetaBytes)\n\t}\n\treturn h\n}\n"},
	{"internal/fsm/lease/codec.go", "\t\te.String(t.Principal)\n\t}\n", "\t\te.String(t.Principal)\n\t}\n\tif e.Since(5) {\n\t\te.String(t.Note)\n\t}\n"},
	{"internal/fsm/lease/codec.go", "\t\tt.Principal = d.String(access.MaxPrincipalBytes)\n\t}\n", "\t\tt.Principal = d.String(access.MaxPrincipalBytes)\n\t}\n\tif d.Since(5) {\n\t\tt.Note = d.String(MaxMetaBytes)\n\t}\n"},

	{"internal/api/acquire.go", "\tcase \"meta\":\n", "\tcase \"note\":\n\t\tcmd.Note = d.Text(field)\n\tcase \"meta\":\n"},
	{"internal/api/view/lease.go", "type Holder struct {\n", "type Holder struct {\n\tNote string `json:\"note,omitempty\"`\n"},
	{"internal/api/view/lease.go", "\tb := Holder{\n", "\tb := Holder{Note: h.Note,\n"},
}

// build builds lockd from the present source with some edits.
func build(name string, edits ...edit) (string, error) {
	dir, err := binaries()
	if err != nil {
		return "", err
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		return "", err
	}
	overlay, err := edited(root, filepath.Join(dir, name+"-source"), edits)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	return path, nodes.Build(path, "-overlay", overlay)
}

// edited writes the files that the edits change into dir, and an overlay file for go build that replaces the
// originals.
func edited(root, dir string, edits []edit) (overlay string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	texts := make(map[string]string)
	for _, e := range edits {
		text, ok := texts[e.file]
		if !ok {
			raw, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return "", err
			}
			text = string(raw)
		}
		if strings.Count(text, e.old) != 1 {
			return "", fmt.Errorf("%s has %d times %q, which the next version changes: update the edit",
				e.file, strings.Count(text, e.old), e.old)
		}
		texts[e.file] = strings.Replace(text, e.old, e.new, 1)
	}
	replace := make(map[string]string)
	for file, text := range texts {
		path := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return "", err
		}
		replace[filepath.Join(root, file)] = path
	}
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, raw, 0o644)
}

func built(t *testing.T, binary func() (string, error)) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
