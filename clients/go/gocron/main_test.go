package lockdgocron_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
)

const patience = time.Minute

// address is the address of a real node. All tests share it and use different names.
var address string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lockd-gocron-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "lockd")
	build := exec.Command("go", "build", "-o", binary, "./cmd/lockd")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building lockd: %v\n%s", err, out)
		return 1
	}
	address = free()
	node := exec.Command(binary, "server", "--data-dir", filepath.Join(dir, "data"), "--http-addr", address, "--peer-addr", free(), "--log-level", "error")
	node.Stderr = os.Stderr
	if err := node.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		_ = node.Process.Kill()
		_ = node.Wait()
	}()
	return m.Run()
}

// free returns an address on which nothing listens at the moment.
func free() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// newClient returns a client of the node, after the node serves requests.
func newClient(t *testing.T, holder string) *lockd.Client {
	t.Helper()
	c, err := lockd.New(lockd.Config{Addresses: []string{address}, Holder: holder})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the node to serve", func() bool {
		_, err := c.Get(t.Context(), "ready")
		return err == nil
	})
	return c
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for: %s", what)
		}
	}
}
