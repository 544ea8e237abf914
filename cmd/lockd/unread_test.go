//go:build linux

package main

import (
	"os"
	"syscall"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/lockdtest"
)

// mute leads, and writes nothing to a standard error that would block it.
const mute = "exec 2>&1; " + leading

// unread returns a pipe that is full and is not read.
func unread(t *testing.T) *os.File {
	t.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		from.Close()
		to.Close()
	})
	for err == nil {
		_ = to.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, err = to.Write([]byte{0})
	}
	return to
}

// startUnread runs this program as lockd with a standard error that is not read.
func startUnread(t *testing.T, address string, args ...string) *process {
	t.Helper()
	p := newProcess(t, address, args...)
	p.cmd.Stderr = unread(t)
	p.start()
	return p
}

func TestUnreadStandardErrorDoesNotBlockAnElection(t *testing.T) {
	server := lockdtest.Start(t)
	p := startUnread(t, server.Address, "elect", "job", "-v", "--ttl", "2s", "--", "sh", "-c", mute)
	first := p.leads(server)
	breaks(t, server, first)
	if second := p.leads(server); second <= first || p.runsWith(first) {
		t.Errorf("after %d, %d leads; the first is running: %t", first, second, p.runsWith(first))
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
	if s, err := server.Client(lockd.Config{}).Get(t.Context(), "job"); err != nil || s.State != "free" {
		t.Errorf("the lease was not given back: %+v, %v", s, err)
	}
}

func TestUnreadStandardErrorDoesNotKeepTheCommandAlive(t *testing.T) {
	server := lockdtest.Start(t)
	p := startUnread(t, server.Address, "lock", "job", "-v", "--ttl", "2s", "--", "sh", "-c", mute)
	token := p.leads(server)
	breaks(t, server, token)
	if code := p.wait(); code != exitLost || p.runsWith(token) {
		t.Errorf("exit %d, the command is running: %t", code, p.runsWith(token))
	}
}
