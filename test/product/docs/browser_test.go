//go:build docs

package docs

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// patience is how long a test waits for a condition that must become true.
const patience = 30 * time.Second

// A browser is a Chromium process with one tab, controlled over pipes with the DevTools protocol.
type browser struct {
	t        *testing.T
	to       io.Writer
	from     chan message
	tab      string // session ID of the tab
	last     int
	requests []string // URLs of all requests of the tab
	errors   []string // errors of the page, including violations of its policy
}

type message struct {
	ID        int             `json:"id,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    json.RawMessage `json:"params,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     json.RawMessage `json:"error,omitempty"`
}

func newBrowser(t *testing.T) *browser {
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("these tests need Chromium (on Debian: apt-get install chromium): %v", err)
	}
	profile, err := os.MkdirTemp("", "lockd-docs-")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir="+profile, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-pipe")
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // file descriptors 3 and 4, as --remote-debugging-pipe requires
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	b := &browser{t: t, to: in, from: make(chan message, 4096)}
	go b.read(out)
	t.Cleanup(func() {
		in.Close() // ends the browser
		_ = cmd.Wait()
		// Child processes of the browser may still write there for a moment.
		for end := time.Now().Add(patience); os.RemoveAll(profile) != nil && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
	})
	b.open()
	return b
}

// read reads messages, each of which ends with a zero byte.
func (b *browser) read(out io.Reader) {
	defer close(b.from)
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(line[:len(line)-1], &m) == nil {
			b.from <- m
		}
	}
}

func (b *browser) open() {
	var target struct{ TargetID string }
	b.do("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.do("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.tab = attached.SessionID
	for _, domain := range []string{"Network", "Log", "Runtime", "Page"} {
		b.do(domain+".enable", nil, nil)
	}
}

// do runs one command in the browser and records events until the response arrives.
func (b *browser) do(method string, params map[string]any, result any) {
	b.t.Helper()
	b.last++
	p, _ := json.Marshal(params)
	ask, _ := json.Marshal(message{ID: b.last, SessionID: b.tab, Method: method, Params: p})
	if _, err := b.to.Write(append(ask, 0)); err != nil {
		b.t.Fatal(err)
	}
	timeout := time.After(patience)
	for {
		select {
		case m, ok := <-b.from:
			switch {
			case !ok:
				b.t.Fatalf("%s: the browser has exited", method)
			case m.ID == 0:
				b.note(m)
			case m.Error != nil:
				b.t.Fatalf("%s: %s", method, m.Error)
			case m.ID == b.last && result != nil:
				if err := json.Unmarshal(m.Result, result); err != nil {
					b.t.Fatal(err)
				}
				return
			case m.ID == b.last:
				return
			}
		case <-timeout:
			b.t.Fatalf("%s: no answer", method)
		}
	}
}

func (b *browser) note(m message) {
	switch m.Method {
	case "Network.requestWillBeSent":
		var p struct{ Request struct{ URL string } }
		_ = json.Unmarshal(m.Params, &p)
		b.requests = append(b.requests, p.Request.URL)
	case "Log.entryAdded":
		var p struct {
			Entry struct{ Level, Text, URL string }
		}
		_ = json.Unmarshal(m.Params, &p)
		if p.Entry.Level == "error" {
			b.errors = append(b.errors, p.Entry.Text+" "+p.Entry.URL)
		}
	case "Runtime.exceptionThrown":
		b.errors = append(b.errors, string(m.Params))
	}
}

// eval returns the value of an expression in the page, as text.
func (b *browser) eval(expression string) string {
	b.t.Helper()
	var r struct{ Result struct{ Value any } }
	b.do("Runtime.evaluate", map[string]any{"expression": "String(" + expression + ")"}, &r)
	s, _ := r.Result.Value.(string)
	return s
}

// visit opens a page and waits until an expression is true in it.
func (b *browser) visit(url, until string) {
	b.t.Helper()
	b.do("Page.navigate", map[string]any{"url": url}, nil)
	for deadline := time.Now().Add(patience); b.eval(until) != "true"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: never %s; errors: %q", url, until, b.errors)
		}
	}
}
