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

// clientVariable is the environment variable with the assignment of a client process, as JSON.
const clientVariable = "LOCKD_CHAOS_CLIENT"

// An assignment configures a client process.
type assignment struct {
	ID      string
	Nodes   []string // base URLs
	Origin  int64    // start of the test, in nanoseconds of the monotonic clock
	Seed    uint64
	Clients int
	Locks   int // number of names with limit 1
	TTL     time.Duration
	Pause   time.Duration
	History string // file for the history
}

// A crowd is one process of clients, on its own host.
type crowd struct {
	name    string
	host    *host
	cmd     *exec.Cmd
	history string
	ended   chan error
	ops     atomic.Int64 // operations recorded so far
}

// progress is a line that a client process prints from time to time, as JSON.
type progress struct{ Ops int64 }

const progressPause = 100 * time.Millisecond

// startCrowd starts the test binary again, as a client process.
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
	output, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := h.inside(c.cmd.Start); err != nil {
		return nil, err
	}
	go func() {
		c.listen(output)
		c.ended <- c.cmd.Wait()
	}()
	return c, nil
}

func (c *crowd) listen(output io.Reader) {
	for lines := bufio.NewScanner(output); lines.Scan(); {
		var p progress
		if json.Unmarshal(lines.Bytes(), &p) == nil {
			c.ops.Store(p.Ops)
		}
	}
}

// finish stops the clients and waits until they have written their history.
func (c *crowd) finish(within time.Duration) error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-c.ended:
		return err
	case <-time.After(within):
		return errors.Join(fmt.Errorf("%s did not exit within %v", c.name, within), c.cmd.Process.Kill())
	}
}
