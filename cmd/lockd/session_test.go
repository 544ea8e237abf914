package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSessionIsReadFromAFileOrStdin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "session")
	if err := os.WriteFile(file, []byte(session+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := newNode(t, map[string]answer{"POST /v1/leases/job/release": {body: `{"name":"job","was_held":true}`}})
	for _, tt := range []struct {
		args, in, variable, want string
	}{
		{"--session " + session, "", "", ""},
		{"--session-file " + file, "", "", ""},
		{"--session -", session + "\n", "", ""},
		{"", "", session, ""},
		{"--session-file " + file, "", "another-session-0123", ""},
		{"--session " + session + " --session-file " + file, "", "", "not both"},
		{"--session -", "\n", "", "stdin contains no session"},
		{"--session-file /none", "", "", "no such file"},
		{"", "", "", "want --session SESSION or --session-file FILE"},
	} {
		t.Setenv("LOCKD_SESSION", tt.variable)
		n.requests = nil
		r := command(tt.in, strings.Fields("release job --addr "+n.URL+" "+tt.args)...)
		if tt.want != "" {
			if r.code != exitUsage || !strings.Contains(r.errOut, tt.want) {
				t.Errorf("%q: exit %d: %s", tt.args, r.code, r.errOut)
			}
			continue
		}
		if r.code != exitOK || len(n.requests) != 1 || !strings.Contains(n.requests[0], `"session":"`+session+`"`) {
			t.Errorf("%q: exit %d, requests %q: %s", tt.args, r.code, n.requests, r.errOut)
		}
	}
}
