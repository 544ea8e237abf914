package chaos

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// clientVariable is the assignment of a client process, as JSON.
const clientVariable = "LOCKD_CHAOS_CLIENT"

// An assignment says what a client process does.
type assignment struct {
	ID      string
	Nodes   []string // base URLs
	Origin  int64    // the test's beginning, in nanoseconds of the monotonic clock
	Seed    uint64
	Clients int
	Locks   int // names that may be held once
	TTL     time.Duration
	Pause   time.Duration
	History string // the file that it is written to
}

// A crowd is one process of clients, on a host of its own.
type crowd struct {
	name    string
	host    *host
	cmd     *exec.Cmd
	history string
	ended   chan error
	ops     atomic.Int64 // recorded so far
}

// progress is what a client process says now and then, a line of JSON each.
type progress struct{ Ops int64 }

const progressPause = 100 * time.Millisecond

// startCrowd runs the test binary once more, as clients.
func startCrowd(w *world, h *host, a assignment) (*crowd, error) {
	a.History = filepath.Join(w.dir, a.ID+".history")
	raw, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	c := &crowd{name: a.ID, host: h, history: a.History, ended: make(chan error, 1)}
	c.cmd = exec.Command("/proc/self/exe")
	c.cmd.Env = append(os.Environ(), roleVariable+"="+roleClient, clientVariable+"="+string(raw))
	c.cmd.Stderr = os.Stderr
	said, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := h.inside(c.cmd.Start); err != nil {
		return nil, err
	}
	go func() {
		c.listen(said)
		c.ended <- c.cmd.Wait()
	}()
	return c, nil
}

func (c *crowd) listen(said io.Reader) {
	for lines := bufio.NewScanner(said); lines.Scan(); {
		var p progress
		if json.Unmarshal(lines.Bytes(), &p) == nil {
			c.ops.Store(p.Ops)
		}
	}
}

// finish lets the clients end what they are at, and waits until they have written
// their history.
func (c *crowd) finish(within time.Duration) error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-c.ended:
		return err
	case <-time.After(within):
		return errors.Join(fmt.Errorf("%s did not end within %v", c.name, within), c.cmd.Process.Kill())
	}
}
