package chaos

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A world is the cluster under test, its machines, and its observers.
type world struct {
	dir    string // in memory; removed with the sandbox
	can    capabilities
	net    *network
	binary string
	nodes  []*node
	begun  time.Time
	origin time.Duration // begun, on the clock that all processes share
	say    func(format string, args ...any)

	// mu guards the fields below.
	mu         sync.Mutex
	named      int // number of nodes that were added later
	violations []string
}

// now returns the time since the start of the test.
func (w *world) now() time.Duration { return time.Since(w.begun) }

// violate records a violation.
func (w *world) violate(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what := fmt.Sprintf(format, args...)
	w.violations = append(w.violations, what)
	w.say("VIOLATION: %s", what)
}

// found returns the violations so far.
func (w *world) found() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.violations...)
}

// nodeFlags makes a node take snapshots often and keep few log entries, so that a node that is away for some seconds
// receives a snapshot.
func nodeFlags() []string {
	return []string{
		"--snapshot-threshold", strconv.Itoa(snapshotThreshold),
		"--snapshot-interval", "1s",
		"--max-waits-per-ip", "100000", // all clients of a machine have its address
		"--trailing-logs", strconv.Itoa(trailingLogs),
	}
}

const (
	snapshotThreshold = 1000
	trailingLogs      = 500
)

// newNode creates a machine with a new disk and does not start lockd.
func (w *world) newNode(name string) (*node, error) {
	h, err := w.net.plug(name)
	if err != nil {
		return nil, err
	}
	d := newDisk(filepath.Join(w.dir, name), !w.can.has(hasDisks))
	if err := firstError(d.format(), d.mount()); err != nil {
		return nil, err
	}
	log, err := newLogFile(filepath.Join(w.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	n := &node{name: name, host: h, disk: d, binary: w.binary, log: log}
	n.control = newControl(h, n.http())
	n.surprise = func(_ *node, how string) { w.violate("%s", how) }
	n.flags = nodeFlags()
	return n, nil
}

// form creates a cluster whose nodes have different uptimes.
func (w *world) form(size int, random *rand.Rand) error {
	for i := range size {
		n, err := w.newNode(fmt.Sprintf("n%d", i+1))
		if err != nil {
			return err
		}
		w.nodes = append(w.nodes, n)
	}
	join := strings.Join(w.peers(), ",")
	for _, n := range w.nodes {
		n.flags = append(n.flags, "--bootstrap-expect", fmt.Sprint(size), "--join", join)
		if w.can.has(hasUptimes) {
			n.uptime = time.Duration(random.IntN(300*24)) * time.Hour
		}
		if err := n.start(); err != nil {
			return err
		}
	}
	if err := w.await("all nodes are ready", 60*time.Second, w.allReady); err != nil {
		return err
	}
	return w.checkUptimes()
}

// checkUptimes checks that the monotonic clocks of the nodes differ as intended.
func (w *world) checkUptimes() error {
	for _, n := range w.nodes {
		pid, err := n.pid()
		if err != nil {
			return err
		}
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/timens_offsets", pid))
		if err != nil && n.uptime > 0 {
			return err
		}
		if n.uptime > 0 && !strings.Contains(string(raw), fmt.Sprint(int(n.uptime.Seconds()))) {
			return fmt.Errorf("the clocks of %s are off by %q, and not by %v", n.name, raw, n.uptime)
		}
	}
	return nil
}

func (w *world) addresses() []string {
	var all []string
	for _, n := range w.nodes {
		all = append(all, n.http())
	}
	return all
}

// peers returns the addresses of all nodes for other nodes.
func (w *world) peers() []string {
	var all []string
	for _, n := range w.nodes {
		all = append(all, n.peer())
	}
	return all
}

// allReady returns nil if every node is ready.
func (w *world) allReady() error {
	for _, n := range w.nodes {
		if err := n.control.ready(); err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
	}
	return nil
}

// nextName returns an unused name for a node.
func (w *world) nextName() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.named++
	return fmt.Sprintf("x%d", w.named)
}

// await waits for a condition that must become true.
func (w *world) await(what string, patience time.Duration, met func() error) error {
	var err error
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if err = met(); err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("timed out after %v waiting until %s: %w", patience, what, err)
		}
	}
}

// leader returns the leader if it is ready.
func (w *world) leader() (*node, error) {
	for _, n := range w.nodes {
		if n.life() == nil {
			continue
		}
		if s, err := n.control.status(); err == nil && s.Node.State == "leader" && n.control.ready() == nil {
			return n, nil
		}
	}
	return nil, errors.New("no leader")
}

// awaitLeader waits until there is a ready leader.
func (w *world) awaitLeader() (leader *node, err error) {
	err = w.await("a node leads", 15*time.Second, func() error {
		leader, err = w.leader()
		return err
	})
	return leader, err
}

func (w *world) node(name string) *node {
	for _, n := range w.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// keep copies the logs to a directory outside of the sandbox.
func (w *world) keep(to string) error {
	for _, n := range w.nodes {
		if err := os.WriteFile(filepath.Join(to, n.name+".log"), []byte(n.log.since(0)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// readLogs searches the logs for messages of an internal error.
func (w *world) readLogs() {
	for _, n := range w.nodes {
		output := n.log.since(0)
		for _, pattern := range []string{"DATA RACE", "panic:", "fatal error:"} {
			if i := strings.Index(output, pattern); i >= 0 {
				w.violate("%s logged: %s", n.name, output[i:min(len(output), i+500)])
			}
		}
	}
}
