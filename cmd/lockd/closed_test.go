//go:build linux

package main

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/lockdtest"
)

// closed returns a pipe whose reader has ended.
func closed(t *testing.T) *os.File {
	t.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from.Close()
	t.Cleanup(func() { to.Close() })
	return to
}

// startClosed runs this program as lockd with an output whose reader has ended.
func startClosed(t *testing.T, address string, args ...string) *process {
	t.Helper()
	p := newProcess(t, address, args...)
	p.cmd.Stdout, p.cmd.Stderr = closed(t), closed(t)
	p.start()
	return p
}

// freeAddress returns an address that was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestServerSurvivesTheEndOfItsLogReaderAndTerminal(t *testing.T) {
	address := freeAddress(t)
	p := newProcess(t, address, "server", "--http-addr", address, "--peer-addr", "127.0.0.1:0", "--log-level", "debug",
		"--snapshot-threshold", "1", "--snapshot-interval", "10ms")
	p.cmd.Stdout, p.cmd.Stderr = closed(t), closed(t)
	old := syscall.Umask(0o022)
	p.start()
	syscall.Umask(old)
	until(t, "the server to serve", func() bool { return status("http://"+address+"/readyz") == 200 })
	p.signal(syscall.SIGHUP)
	p.signal(syscall.SIGPIPE)
	client, err := lockd.New(lockd.Config{Addresses: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Acquire(t.Context(), "job", lockd.AcquireOptions{}); err != nil {
		t.Errorf("after SIGHUP: %v", err)
	}
	snapshots := filepath.Join(p.dir, "lockd-data", "snapshots", "*", "state.bin")
	until(t, "a snapshot", func() bool {
		found, _ := filepath.Glob(snapshots)
		return len(found) > 0 && !strings.Contains(found[0], ".tmp")
	})
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	err = filepath.WalkDir(filepath.Join(p.dir, "lockd-data"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := entry.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			return fmt.Errorf("%s can be used by others: %v %w", path, info.Mode(), err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAgentSurvivesTheEndOfItsLogReader(t *testing.T) {
	server := lockdtest.Start(t)
	address := freeAddress(t)
	p := startClosed(t, server.Address, "agent", "--elect", "job", "--http", address)
	until(t, "it to lead", func() bool { return status("http://"+address+"/leader") == 200 })
	p.signal(syscall.SIGHUP)
	s, err := server.Client(lockd.Config{}).Get(t.Context(), "job")
	if err != nil {
		t.Fatal(err)
	}
	breaks(t, server, s.Token) // which it reports
	until(t, "it to lead again", func() bool {
		again, err := server.Client(lockd.Config{}).Get(t.Context(), "job")
		return err == nil && again.Token > s.Token && status("http://"+address+"/leader") == 200
	})
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

func TestLockAndElectSurviveTheEndOfTheirLogReader(t *testing.T) {
	for _, verb := range []string{"lock", "elect"} {
		t.Run(verb, func(t *testing.T) {
			server := lockdtest.Start(t)
			p := startClosed(t, server.Address, verb, "job", "-v", "--", "sh", "-c", `exec >/dev/null 2>&1
				grep SigIgn /proc/self/status >ignored; echo $$ >pid; until test -e end; do sleep 0.01; done; exit 7`)
			p.pid("pid")
			ignored, err := os.ReadFile(filepath.Join(p.dir, "ignored"))
			var mask uint64
			if _, scanned := fmt.Sscanf(string(ignored), "SigIgn: %x", &mask); err != nil || scanned != nil {
				t.Fatal(err, scanned)
			}
			if mask&(1<<(syscall.SIGPIPE-1)) != 0 {
				t.Error("the command ignores SIGPIPE")
			}
			p.write("end")
			if code := p.wait(); code != 7 {
				t.Errorf("exit %d, want the command's", code)
			}
		})
	}
}
