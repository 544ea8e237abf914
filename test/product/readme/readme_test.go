package readme

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lockd/lockd/test/harness/nodes"
)

var update = flag.Bool("update", false, "write the output of the commands into the documents")

const (
	root     = "../../.."
	document = root + "/README.md"
)

// stories maps each document whose console blocks are run, each in a fresh directory, to its minimum number of
// commands.
var stories = map[string]int{document: 4, root + "/docs/tutorial.md": 40, root + "/docs/security.md": 18, root + "/docs/kubernetes.md": 10}

func TestMain(m *testing.M) { os.Exit(nodes.Main(m)) }

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestStory runs every console block of the documents, in order.
func TestStory(t *testing.T) {
	for path, least := range stories {
		t.Run(filepath.Base(path), func(t *testing.T) { playDocument(t, path, least) })
	}
}

func playDocument(t *testing.T, path string, least int) {
	text := read(t, path)
	if _, err := exec.LookPath("kubectl"); err != nil && strings.Contains(text, "\n$ kubectl ") {
		if os.Getenv("LOCKD_REQUIRE_INTEROP") != "" {
			t.Fatal(err)
		}
		t.Skip("NOT TESTED: the commands of this document need kubectl; Debian has it in kubernetes-client")
	}
	blocks, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	s := newStory(t)
	for i := range blocks {
		if err := s.play(&blocks[i]); err != nil {
			s.logLogs()
			t.Fatalf("%s, the block at line %d: %v", path, blocks[i].line, err)
		}
	}
	if s.steps < least {
		t.Errorf("only %d commands were run: the blocks of %s are not marked", s.steps, path)
	}
	if *update {
		if err := os.WriteFile(path, []byte(updated(text, blocks)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func updated(text string, blocks []block) string {
	lines := strings.Split(text, "\n")
	var out []string
	at := 0
	for _, b := range blocks {
		out = append(out, lines[at:b.line-1]...)
		out = append(out, render(b)...)
		for at = b.line; lines[at] != "```"; at++ {
		}
		at++
	}
	return strings.Join(append(out, lines[at:]...), "\n")
}

// A story is a run of the commands of one document.
type story struct {
	t         *testing.T
	dir       string // working directory, with bin/lockd
	env       []string
	terminals map[string]*terminal
	addresses map[string]string // address in the document to real address
	names     *names
	steps     int
}

func newStory(t *testing.T) *story {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the commands of the README need %s: %v", tool, err)
		}
	}
	s := &story{t: t, dir: t.TempDir(), terminals: make(map[string]*terminal), addresses: make(map[string]string), names: newNames()}
	if err := os.Mkdir(filepath.Join(s.dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(nodes.Binary(t), filepath.Join(s.dir, "bin", "lockd")); err != nil {
		t.Fatal(err)
	}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LOCKD_") {
			s.env = append(s.env, v)
		}
	}
	// Defaults of `lockd server` and of the other commands, which no command shows.
	s.env = append(s.env, "LOCKD_HTTP_ADDR="+s.address(defaultHTTP), "LOCKD_PEER_ADDR="+s.address(defaultPeer),
		"LOCKD_ADDR=http://"+s.address(defaultHTTP), "no_proxy=127.0.0.1")
	t.Cleanup(func() {
		for _, terminal := range s.terminals {
			terminal.close()
		}
	})
	return s
}

const (
	server      = "server" // name of the terminal with the only node
	defaultHTTP = "127.0.0.1:7400"
	defaultPeer = "127.0.0.1:7401"
)

var shownAddress = regexp.MustCompile(`127\.0\.0\.1:74\d\d`)

// address returns the free address that replaces one in the document.
func (s *story) address(shown string) string {
	if *update {
		return shown // so that tables have the width of the document's
	}
	if real, ok := s.addresses[shown]; ok {
		return real
	}
	s.addresses[shown] = nodes.FreeAddress(s.t)
	return s.addresses[shown]
}

func (s *story) real(text string) string { return shownAddress.ReplaceAllStringFunc(text, s.address) }

func (s *story) terminal(name string) (*terminal, error) {
	if t := s.terminals[name]; t != nil {
		return t, nil
	}
	t, err := openTerminal(s.dir, s.env, name == "")
	if err == nil {
		s.terminals[name] = t
	}
	return t, err
}

// play runs a block and compares its output. With -update it takes the output instead.
func (s *story) play(b *block) error {
	t, err := s.terminal(b.terminal)
	if err != nil {
		return err
	}
	var servers []string
	for i := range b.steps {
		step := &b.steps[i]
		waiting := 0.0
		if step.command != "" {
			s.steps++
			waiting = s.waiting()
			command := strings.ReplaceAll(s.names.inCommand(s.real(step.command)), "make build && ", "")
			s.t.Logf("%s$ %s", b.terminal, command)
			if err := t.run(command); err != nil {
				return err
			}
			if serverCommand.MatchString(command) {
				servers = append(servers, s.serverAddress(command))
			}
		}
		if step.interrupt {
			if err := t.interrupt(); err != nil {
				return err
			}
			if b.terminal == server {
				s.names = newNames() // the next cluster starts to count again
			}
		}
		if err := s.look(t, b, step, waiting); err != nil {
			return fmt.Errorf("line %d: %w", step.line, err)
		}
	}
	for _, address := range servers {
		if err := ready(address); err != nil {
			return err
		}
	}
	return nil
}

// look compares the output of a step with the document.
func (s *story) look(t *terminal, b *block, step *step, waiting float64) error {
	goesOn := b.terminal != "" && !step.interrupt
	least := 1 << 30 // until the command has exited
	switch {
	case goesOn && *update && !serverCommand.MatchString(step.command):
		if err := s.settled(t, step, waiting); err != nil {
			return err
		}
		least = 0
	case goesOn && len(step.output) > 0:
		least = len(dense(step.output))
	case goesOn && serverCommand.MatchString(step.command):
		return nil
	case goesOn:
		return s.settled(t, step, waiting)
	}
	got, err := t.printed(least)
	if err != nil {
		return err
	}
	if b.terminal == server {
		return nil // the log of the node
	}
	want := make([]string, len(step.output))
	for i, line := range step.output {
		want[i] = s.real(line)
	}
	if !*update {
		return s.names.compareAll(want, got)
	}
	s.takeOver(step, want, got)
	return nil
}

// takeOver replaces the output of a step with the printed one, for -update. It maps the printed tokens and secrets to
// those in the document, in order.
func (s *story) takeOver(step *step, want, got []string) {
	var shown, real []variable
	for _, line := range dense(want) {
		_, v := split(line)
		shown = append(shown, v...)
	}
	for _, line := range dense(got) {
		_, v := split(line)
		real = append(real, v...)
	}
	for _, class := range []class{number, secret} {
		values := func(all []variable) (of []string) {
			for _, v := range all {
				if v.class == class {
					of = append(of, v.value)
				}
			}
			return of
		}
		for i, r := range values(real) {
			if old := values(shown); i < len(old) {
				s.names.same(old[i], r)
			}
		}
	}
	if step.command != "" {
		step.command = s.names.inCommand(step.command)
	}
	step.output = strings.Split(strings.Trim(strings.Join(got, "\n"), "\n"), "\n")
	step.output = slices.DeleteFunc(step.output, jobNotice.MatchString)
	if len(dense(step.output)) == 0 {
		step.output = nil
	}
}

// settled waits until a command that continues to run waits for a lease or for events, or has printed as many lines
// as the document shows. It then prints nothing more for now.
func (s *story) settled(t *terminal, step *step, before float64) error {
	started, shown := step.command != "", len(dense(step.output))
	deadline := time.Now().Add(nodes.Patience)
	for {
		t.mu.Lock()
		running, printed := t.running, len(dense(t.lines))
		t.mu.Unlock()
		switch {
		case !running:
			return nil
		case started && (s.waiting() > before || shown > 0 && printed >= shown):
			if *update {
				time.Sleep(300 * time.Millisecond) // time for the rest of the output
			}
			return nil
		case !started && *update:
			time.Sleep(300 * time.Millisecond)
			return nil
		case !started:
			return fmt.Errorf("the document shows no output")
		case time.Now().After(deadline):
			return fmt.Errorf("the command neither waits nor exits")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

var waitingMetrics = regexp.MustCompile(`(?m)^lockd_(?:queue_tickets|watchers) (\S+)$`)

// waiting returns the number of tickets and watchers at the first node.
func (s *story) waiting() (n float64) {
	body, err := get("http://" + s.address(defaultHTTP) + "/metrics")
	if err != nil {
		return 0
	}
	for _, m := range waitingMetrics.FindAllStringSubmatch(body, -1) {
		v, _ := strconv.ParseFloat(m[1], 64)
		n += v
	}
	return n
}

var httpAddrFlag = regexp.MustCompile(`--http-addr (\S+)`)

func (s *story) serverAddress(command string) string {
	scheme := "http://"
	if strings.Contains(command, "--tls-dir") {
		scheme = "https://"
	}
	if m := httpAddrFlag.FindStringSubmatch(command); m != nil {
		return scheme + m[1]
	}
	return scheme + s.address(defaultHTTP)
}

// ready waits until a node is ready and the records of its members are written. Each member writes its record a
// moment after the cluster was formed.
func ready(address string) error {
	deadline := time.Now().Add(nodes.Patience)
	for {
		body, err := get(address + "/readyz")
		if err == nil {
			body, err = get(address + "/v1/cluster")
		}
		if err == nil && !strings.Contains(body, `"version":0`) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not become ready: %w %s", address, err, body)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// client asks the nodes of a story, which have certificates of their own.
var client = http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
	TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
}}

func get(url string) (string, error) {
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return string(body), err
}

// logLogs logs the end of the logs of the nodes that write one.
func (s *story) logLogs() {
	logs, _ := filepath.Glob(filepath.Join(s.dir, "*.log"))
	for _, path := range logs {
		b, _ := os.ReadFile(path)
		lines := strings.Split(string(b), "\n")
		s.t.Logf("%s ends with:\n%s", filepath.Base(path), strings.Join(lines[max(0, len(lines)-20):], "\n"))
	}
}
