package main

import (
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// serve starts a node of LOCKD_BINARY and returns its address.
func serve(t *testing.T) string {
	t.Helper()
	binary := os.Getenv("LOCKD_BINARY")
	http1, peer := freeAddress(t), freeAddress(t)
	cmd := exec.Command(binary, "server", "--data-dir", t.TempDir(), "--http-addr", http1, "--peer-addr", peer)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, "the node is ready", func() bool {
		resp, err := http.Get("http://" + http1 + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return http1
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

// TestMain runs the controller itself in a child process of the test.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_CONTROLLER") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestNextLeaderContinuesTheMirror: two controllers, of which the leader is killed.
func TestNextLeaderContinuesTheMirror(t *testing.T) {
	if os.Getenv("LOCKD_BINARY") == "" {
		t.Skip("NOT TESTED: LOCKD_BINARY is not set; make interop sets it")
	}
	dir := t.TempDir()
	from, to, kubeconfig := filepath.Join(dir, "wanted"), filepath.Join(dir, "mirror"), filepath.Join(dir, "kubeconfig")
	text, err := exec.Command(os.Getenv("LOCKD_BINARY"), "kubeconfig", "--addr", serve(t)).Output()
	if err == nil {
		err = errors.Join(os.WriteFile(kubeconfig, text, 0o600), os.Mkdir(from, 0o700))
	}
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(from, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mirrored := func(name, text string) func() bool {
		return func() bool {
			got, err := os.ReadFile(filepath.Join(to, name))
			return err == nil && string(got) == text
		}
	}
	begin := func() (kill func()) {
		cmd := exec.Command(os.Args[0], "--from", from, "--to", to)
		cmd.Env = append(os.Environ(), "RUN_CONTROLLER=1", "KUBECONFIG="+kubeconfig)
		cmd.Stderr = t.Output()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return sync.OnceFunc(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
	first := begin()
	defer first()
	write("a", "1")
	eventually(t, "the first one mirrors", mirrored("a", "1"))
	defer begin()()
	first()
	write("b", "2")
	eventually(t, "the second one mirrors", mirrored("b", "2"))
	if err := (store{to}).write(1, "a", nil); !errors.Is(err, errStale) {
		t.Errorf("a write of a former leader: %v", err)
	}
}
