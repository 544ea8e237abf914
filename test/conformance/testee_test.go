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

	"github.com/lockd/lockd/test/nodes"
)

// A testee is a program in the language of a client that does what it is told. It
// reads commands and writes answers and events, a line of JSON each.
type testee struct {
	t  *testing.T
	in io.Writer

	// mu guards the rest.
	mu      sync.Mutex
	told    int
	answers map[int]message
	events  []message
	heard   chan struct{} // closed, and made anew, when there is news
}

// A command is what a testee is told. Durations are in milliseconds.
type command struct {
	ID        int      `json:"id"`
	Do        string   `json:"do"`
	Client    string   `json:"client,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	Holder    string   `json:"holder,omitempty"`
	Session   string   `json:"session,omitempty"`
	Timeout   int      `json:"request_timeout_ms,omitempty"`
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

// A message is an answer, which has the command's ID, or an event.
type message struct {
	ID     int    `json:"id,omitempty"`
	Result string `json:"result,omitempty"` // ok, held, refused, lost, released, cancelled, unavailable, unknown or invalid
	Detail string `json:"detail,omitempty"` // for people
	Token  uint64 `json:"token,omitempty"`
	Slot   int    `json:"slot,omitempty"`

	Event  string `json:"event,omitempty"` // lost, leads, resigned or watched
	Client string `json:"client,omitempty"`
	Lease  string `json:"lease,omitempty"`
	Type   string `json:"type,omitempty"` // watched: the event's
	Name   string `json:"name,omitempty"`

	at    time.Time
	taken bool
}

// languages says how to run each testee. "go" is built first.
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
	testee := filepath.Join(root, "clients/python/conformance/testee.py")
	return map[string][]string{
		"go":      {"go", "run", "-C", filepath.Join(root, "clients/go"), "./internal/testee"},
		"python":  {python, testee},
		"asyncio": {python, testee, "aio"},
		"java":    {"java", "-cp", filepath.Join(java, "classes") + ":" + filepath.Join(java, "test-classes"), "io.lockd.client.Driver"},
		"node":    {"node", filepath.Join(os.Getenv("CONFORMANCE_NODE"), "driver.mjs")},
	}
}

func startTestee(t *testing.T, line []string) *testee {
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
	e := &testee{t: t, in: in, answers: make(map[int]message), heard: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.listen(out)
	}()
	t.Cleanup(func() {
		in.Close() // it ends with its input
		over := time.AfterFunc(nodes.Patience, func() { _ = cmd.Process.Kill() })
		<-done
		if err := cmd.Wait(); err != nil && !over.Stop() {
			t.Errorf("the testee did not end with its input: %v", err)
		}
		over.Stop()
	})
	return e
}

func (e *testee) listen(out io.Reader) {
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
		close(e.heard)
		e.heard = make(chan struct{})
		e.mu.Unlock()
	}
}

// tell sends a command and returns its number.
func (e *testee) tell(c command) int {
	e.t.Helper()
	e.mu.Lock()
	e.told++
	c.ID = e.told
	e.mu.Unlock()
	raw, err := json.Marshal(c)
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := e.in.Write(append(raw, '\n')); err != nil {
		e.t.Fatalf("the testee has gone: %v", err)
	}
	return c.ID
}

// answer waits for that of a command.
func (e *testee) answer(id int) (m message) {
	e.t.Helper()
	e.wait(fmt.Sprintf("an answer to command %d", id), func() (ok bool) {
		m, ok = e.answers[id]
		return ok
	})
	return m
}

// event waits for the first of its kind that nobody took yet, and takes it.
func (e *testee) event(what string, is func(message) bool) (m message) {
	e.t.Helper()
	e.wait(what, func() bool {
		for i := range e.events {
			if !e.events[i].taken && is(e.events[i]) {
				e.events[i].taken = true
				m = e.events[i]
				return true
			}
		}
		return false
	})
	return m
}

// seen returns how many events of a kind there were.
func (e *testee) seen(is func(message) bool) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.events {
		if is(m) {
			n++
		}
	}
	return n
}

func (e *testee) wait(what string, ok func() bool) {
	e.t.Helper()
	patience := time.After(nodes.Patience)
	for {
		e.mu.Lock()
		done, heard := ok(), e.heard
		e.mu.Unlock()
		if done {
			return
		}
		select {
		case <-heard:
		case <-patience:
			e.t.Fatalf("waited in vain for %s; the events were %+v", what, e.events)
		}
	}
}
