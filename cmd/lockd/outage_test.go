//go:build unix

package main

import (
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// leaderless is a fake node whose cluster has no leader.
func leaderless(t *testing.T) *node {
	body := problem(503, "no-leader", `,"detail":"Nothing was applied. Repeat the same request with the same session."`)
	return newNode(t, map[string]answer{
		"GET /v1/leases": {503, body}, "GET /v1/leases/job": {503, body}, "POST /v1/leases/job/acquire": {503, body},
	})
}

func TestReadWithoutALeaderReportsThatNothingWasRead(t *testing.T) {
	n := leaderless(t)
	for _, line := range []string{"ls", "get job"} {
		r := n.command(append(strings.Fields(line), "--timeout", "50ms")...)
		if r.code != exitUnreachable || strings.Contains(r.errOut, "session") || strings.Contains(r.errOut, "applied") ||
			!strings.Contains(r.errOut, "nothing was read; try again, or pass --stale") {
			t.Errorf("%s: exit %d: %s", line, r.code, r.errOut)
		}
	}
}

// Nothing was applied, so nothing has to be released.
func TestLockWithoutAWaitSendsOneRequestToALeaderlessNode(t *testing.T) {
	n := leaderless(t)
	r := command("", "lock", "--addr", n.URL, "-n", "job", "--", "true")
	if r.code != exitUnreachable || len(n.requests) != 1 {
		t.Errorf("exit %d: %s; requests %q", r.code, r.errOut, n.requests)
	}
}

// unanswered is a transport that answers no request until it is closed. Then it refuses all. It counts the requests.
type unanswered struct {
	requests atomic.Int32
	closed   chan struct{}
}

func (u *unanswered) RoundTrip(r *http.Request) (*http.Response, error) {
	u.requests.Add(1)
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-u.closed:
		body := io.NopCloser(strings.NewReader(problem(403, "forbidden", "")))
		return &http.Response{StatusCode: http.StatusForbidden, Header: make(http.Header), Body: body, Request: r}, nil
	}
}

// The timeout limits the whole command, including the release of what it may have acquired. The commands
// run in simulated time, so that the speed of the machine has no effect.
func TestTimeoutLimitsTheWholeCommand(t *testing.T) {
	const timeout = 2 * time.Second
	// Start the goroutine that receives signals outside of simulated time, and let no signal reach it from there later.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR1)
	t.Cleanup(func() { signal.Reset() })
	for _, line := range []string{"lock -n job -- true", "lock job -- true", "get job", "acquire job"} {
		synctest.Test(t, func(t *testing.T) {
			nodes := &unanswered{closed: make(chan struct{})}
			defer close(nodes.closed) // a release may continue in the background
			c := &cli{in: strings.NewReader(""), out: io.Discard, http: &http.Client{Transport: nodes}}
			root, _ := newRootCommand(c)
			words := strings.Fields(line)
			root.SetArgs(append([]string{words[0], "--timeout", timeout.String()}, words[1:]...))
			root.SetErr(io.Discard)
			began := time.Now()
			err := root.ExecuteContext(t.Context())
			if took := time.Since(began); exitCode(err) != exitUnreachable || took > timeout || nodes.requests.Load() == 0 {
				t.Errorf("%s: exit %d after %v and %d requests: %v", line, exitCode(err), took, nodes.requests.Load(), err)
			}
		})
	}
}

// A command that continues while no node answers warns once. A command that ends at once prints
// only its error.
func TestUnreachableNodesCauseOneWarning(t *testing.T) {
	r := command("", "acquire", "job", "--holder", "x", "--wait", "30s", "--addr", "127.0.0.1:1", "--timeout", "3s")
	if got := strings.Count(r.errOut, "warning: no node answered"); got != 1 {
		t.Errorf("%d warnings: %s", got, r.errOut)
	}
	if r := command("", "get", "job", "--addr", "127.0.0.1:1"); strings.Contains(r.errOut, "warning") {
		t.Errorf("a command that ended at once printed %s", r.errOut)
	}
}

func TestHeadersAreSentAndNeverShown(t *testing.T) {
	var got []http.Header
	n := newNode(t, nil)
	n.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Clone())
		w.WriteHeader(404)
	})
	file := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(file, []byte("X-From-File: one\nX-Second: two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LOCKD_HEADER", "X-From-Variable: three")
	n.command("get", "job", "--header-file", file)
	n.command("health", "--header-file", file)
	for _, h := range got {
		if h.Get("X-From-File") != "one" || h.Get("X-Second") != "two" || h.Get("X-From-Variable") != "three" {
			t.Errorf("sent %v", h)
		}
	}
	if len(got) != 2 {
		t.Errorf("%d requests", len(got))
	}
	for _, bad := range []string{"s3cret", "Bad Name: s3cret", "X-A: s3cret\x01"} {
		r := n.command("get", "job", "--header", bad)
		if r.code != exitUsage || strings.Contains(r.errOut, "s3cret") {
			t.Errorf("%q: exit %d: %s", bad, r.code, r.errOut)
		}
	}
}

func TestConfigFileHasASizeLimit(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, "long.yaml")
	if err := os.WriteFile(long, []byte(strings.Repeat("# a comment\n", 1<<20/10)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/dev/zero": "it is not a regular file or a pipe", dir: "it is not a regular file or a pipe", long: "it is longer than 1048576 bytes",
	} {
		r := command("", "config", "show", "--config", path)
		if r.code != exitUsage || !strings.Contains(r.errOut, want) || !strings.Contains(r.errOut, path) {
			t.Errorf("%s: exit %d: %s", path, r.code, r.errOut)
		}
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { _ = os.WriteFile(pipe, []byte("node-id: from-a-pipe\n"), 0o600) }()
	if r := command("", "config", "show", "--config", pipe); r.code != exitOK || !strings.Contains(r.out, "from-a-pipe") {
		t.Errorf("a pipe: exit %d: %s%s", r.code, r.out, r.errOut)
	}
}
