package conformance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/nodes"
)

// A driver is a program in the language of a client that runs commands. It reads commands and
// writes responses and events, one JSON object per line.
type driver struct {
	t  *testing.T
	in io.Writer

	// mu guards the fields below.
	mu      sync.Mutex
	lastID  int
	answers map[int]message
	events  []message
	changed chan struct{} // closed and replaced at each message
}

// A command is one command for a driver. Durations are in milliseconds.
type command struct {
	ID        int      `json:"id"`
	Do        string   `json:"do"`
	Client    string   `json:"client,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	Holder    string   `json:"holder,omitempty"`
	Session   string   `json:"session,omitempty"`
	Timeout   int      `json:"request_timeout_ms,omitempty"`
	TokenFile string   `json:"token_file,omitempty"`
	CAFile    string   `json:"ca_file,omitempty"`
	CertFile  string   `json:"cert_file,omitempty"`
	KeyFile   string   `json:"key_file,omitempty"`
	Lease     string   `json:"lease,omitempty"`
	Name      string   `json:"name,omitempty"`
	TTL       int      `json:"ttl_ms,omitempty"`
	Wait      int      `json:"wait_ms,omitempty"`
	Limit     int      `json:"limit,omitempty"`
	Priority  int      `json:"priority,omitempty"`
	Meta      any      `json:"meta,omitempty"`
	Keep      bool     `json:"keep,omitempty"`
	Reclaim   bool     `json:"reclaim,omitempty"`
	To        string   `json:"to,omitempty"`
}

// A message is a response, which has the command's ID, or an event.
type message struct {
	ID     int    `json:"id,omitempty"`
	Result string `json:"result,omitempty"` // ok, held, refused, lost, released, cancelled, unavailable, unknown or invalid
	Detail string `json:"detail,omitempty"` // for display
	Token  uint64 `json:"token,omitempty"`
	Slot   int    `json:"slot,omitempty"`

	Event  string `json:"event,omitempty"` // lost, leads, resigned or watched
	Client string `json:"client,omitempty"`
	Lease  string `json:"lease,omitempty"`
	Type   string `json:"type,omitempty"` // watched: the type of the event
	Name   string `json:"name,omitempty"`

	at   time.Time
	read bool
}

// languages returns the command line of each driver. The driver of Go is built first.
func languages(t *testing.T) map[string][]string {
	t.Helper()
	python := os.Getenv("CONFORMANCE_PYTHON")
	if python == "" {
		python = "python3"
	}
	java, err := filepath.Abs(filepath.Join(root, "clients/java/client/target"))
	if err != nil {
		t.Fatal(err)
	}
	pythonDriver := filepath.Join(root, "clients/python/conformance/driver.py")
	return map[string][]string{
		"go":      {"go", "run", "-C", filepath.Join(root, "clients/go"), "./internal/driver"},
		"python":  {python, pythonDriver},
		"asyncio": {python, pythonDriver, "aio"},
		"java":    {"java", "-cp", filepath.Join(java, "classes") + ":" + filepath.Join(java, "test-classes"), "io.lockd.client.Driver"},
		"node":    {"node", filepath.Join(os.Getenv("CONFORMANCE_NODE"), "driver.mjs")},
	}
}

func startDriver(t *testing.T, line []string) *driver {
	t.Helper()
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e := &driver{t: t, in: in, answers: make(map[int]message), changed: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.listen(out)
	}()
	t.Cleanup(func() {
		in.Close() // the driver ends at the end of its input
		over := time.AfterFunc(nodes.Patience, func() { _ = cmd.Process.Kill() })
		<-done
		if err := cmd.Wait(); err != nil && !over.Stop() {
			t.Errorf("the driver did not end at the end of its input: %v", err)
		}
		over.Stop()
	})
	return e
}

func (e *driver) listen(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			m = message{Event: "nonsense", Detail: lines.Text()}
		}
		m.at = time.Now()
		e.mu.Lock()
		if m.ID != 0 {
			e.answers[m.ID] = m
		} else {
			e.events = append(e.events, m)
		}
		close(e.changed)
		e.changed = make(chan struct{})
		e.mu.Unlock()
	}
}

// send sends a command and returns its ID.
func (e *driver) send(c command) int {
	e.t.Helper()
	e.mu.Lock()
	e.lastID++
	c.ID = e.lastID
	e.mu.Unlock()
	raw, err := json.Marshal(c)
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := e.in.Write(append(raw, '\n')); err != nil {
		e.t.Fatalf("the driver has exited: %v", err)
	}
	return c.ID
}

// answer waits for the response to a command.
func (e *driver) answer(id int) (m message) {
	e.t.Helper()
	e.wait(fmt.Sprintf("a response to command %d", id), func() (ok bool) {
		m, ok = e.answers[id]
		return ok
	})
	return m
}

// event waits for the first unread event that matches, and marks it as read.
func (e *driver) event(what string, is func(message) bool) (m message) {
	e.t.Helper()
	e.wait(what, func() bool {
		for i := range e.events {
			if !e.events[i].read && is(e.events[i]) {
				e.events[i].read = true
				m = e.events[i]
				return true
			}
		}
		return false
	})
	return m
}

// seen returns the number of events that match.
func (e *driver) seen(is func(message) bool) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.events {
		if is(m) {
			n++
		}
	}
	return n
}

func (e *driver) wait(what string, ok func() bool) {
	e.t.Helper()
	patience := time.After(nodes.Patience)
	for {
		e.mu.Lock()
		done, changed := ok(), e.changed
		e.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-patience:
			e.t.Fatalf("timed out waiting for %s; the events are %+v", what, e.events)
		}
	}
}
